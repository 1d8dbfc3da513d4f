"""Latent user intent over an existing policy, and the controls that get the same inputs without it."""
