"""What items are made of, words and pictures, and networks that read them level by level, frozen, tuned or cached."""
