"""Recommenders that know items by their words and pictures alone."""
