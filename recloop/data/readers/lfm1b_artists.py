"""LFM-1b listening events with artists as items: fewer items, each played more often.

Schedl. The LFM-1b Dataset for Music Retrieval and Recommendation. ICMR 2016.
"""

from __future__ import annotations

from pathlib import Path

from recloop.data.readers import lfm1b
from recloop.data.tables import Reading


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read plays of artists; there are no brands."""
    return lfm1b.read(raw, max_malformed, item="artist")
