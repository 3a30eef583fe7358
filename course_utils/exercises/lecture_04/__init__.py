"""Exercises of lecture 4: KL divergence between Gaussians."""
