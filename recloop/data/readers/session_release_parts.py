"""Sessions of clicks with the split of their release: the test file tests, a tenth of the training file validates.

Wu et al. Session-based Recommendation with Graph Neural Networks. AAAI 2019. They draw that tenth at random; here it is
every tenth session, so that it is always the same.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from recloop.data.readers import session_release
from recloop.data.tables import Reading

VALID = 10  # every such session of the training file


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read both files; every event comes with its part."""
    found = session_release.read(raw, max_malformed)
    tests = pl.col("session").str.starts_with("2-test")
    number = pl.col("session").str.split("-").list.last().cast(pl.Int64)
    valid = number % VALID == VALID - 1
    part = pl.when(tests).then(pl.lit("test")).when(valid).then(pl.lit("valid"))
    return replace(
        found, interactions=found.interactions.with_columns(part=part.otherwise(pl.lit("train")))
    )
