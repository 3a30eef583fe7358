"""Exercises of lecture 3, the evidence lower bound."""
