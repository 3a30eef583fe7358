"""Exercises of lecture 6, the variational autoencoder."""
