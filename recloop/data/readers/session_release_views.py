"""Sessions of views, released in the same form as the sessions of clicks.

Xia et al. Self-Supervised Graph Co-Training for Session-based Recommendation. CIKM 2021.
"""

from __future__ import annotations

from pathlib import Path

from recloop.data.readers import session_release
from recloop.data.tables import Reading


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read both files; every event is a view."""
    return session_release.read(raw, max_malformed, event="view")
