"""Loops that turn sessions and a model into weights."""
