"""Trained models that a person talks to, on this machine alone: a small web page in place of a simulated user."""
