"""Next-item models that count instead of learning by gradient."""
