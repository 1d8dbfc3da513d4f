"""LFM-1b listening events with albums as items, as the Album data of hierarchical decision transformers.

Schedl. The LFM-1b Dataset for Music Retrieval and Recommendation. ICMR 2016.
"""

from __future__ import annotations

from pathlib import Path

from recloop.data.readers import lfm1b
from recloop.data.tables import Reading


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read plays of albums; brands are artists."""
    return lfm1b.read(raw, max_malformed, item="album")
