"""Heads that turn a session's state into the next item."""
