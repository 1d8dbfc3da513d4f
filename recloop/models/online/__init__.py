"""Agents that recommend item after item and learn from the rewards, and policies to bound them by."""
