"""Exercises of lecture 11: conditional and modern generative adversarial networks."""
