"""Exercises of lecture 5: gradients through sampling."""
