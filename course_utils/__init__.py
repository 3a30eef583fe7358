"""Helpers for a course on deep generative models, from autoencoders to GANs."""

__version__ = "0.1.0"
