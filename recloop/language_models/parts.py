"""Which texts are learnt from, which choose and which judge."""

import hashlib

PARTS = {"valid": 0.1, "test": 0.1}  # shares; the rest is learnt from


def part_of(text: str) -> str:
    """Decide by a hash of the text: the same words are always in the same part, whoever they are said of."""
    share = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
    return "test" if share < PARTS["test"] else "valid" if share < sum(PARTS.values()) else "train"
