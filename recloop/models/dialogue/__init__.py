"""Recommenders that listen: from liked items and critiques to the next list, one file each."""
