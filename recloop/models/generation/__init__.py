"""Models that generate: items as latents, and the words of items."""
