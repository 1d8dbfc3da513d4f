"""Sentences about items: how they are composed, read and split into words."""
