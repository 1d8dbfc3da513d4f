"""Recommenders that know items by their titles and pictures, so that what they learned can serve another catalogue."""
