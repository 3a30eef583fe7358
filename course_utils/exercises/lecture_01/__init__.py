"""Exercises of lecture 1, generative models and latent variables."""
