"""Exercises of lecture 9: debiasing by resampling, and scores for outliers."""
