"""Exercises of lecture 2, autoencoders."""
