"""Decision transformers: returns in, actions out."""
