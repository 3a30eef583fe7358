"""Exercises of lecture 8: the conditional variational autoencoder."""
