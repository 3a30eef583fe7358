"""Exercises of lecture 12: a Boltzmann machine, and the losses of games that train an encoder."""
