"""Recommenders that choose a value for each attribute: trackers, policies, critics, and ways of learning from logs."""
