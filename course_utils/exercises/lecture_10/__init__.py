"""Exercises of lecture 10: the game of two networks, one step of it, and how it is judged."""
