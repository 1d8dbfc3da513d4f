"""Embedded worlds: generators with a known truth that write the formats of the real data sets."""
