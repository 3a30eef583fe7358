"""Exercises of lecture 7: beta-VAE and disentanglement."""
