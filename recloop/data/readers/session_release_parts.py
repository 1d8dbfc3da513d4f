"""Sessions of clicks with the split of their release: the test file tests, the end of the training file validates.

Wu et al. Session-based Recommendation with Graph Neural Networks. AAAI 2019. They validate on a random tenth of the
training sessions; here it is the last one, as the test comes after all of them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from recloop.data.readers import session_release
from recloop.data.tables import Reading

VALID = 0.1  # of the training sessions


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read both files; every event comes with its part."""
    found = session_release.read(raw, max_malformed)
    tests = pl.col("session").str.starts_with("2-test")
    number = pl.col("session").str.split("-").list.last().cast(pl.Int64)
    late = number >= (1 - VALID) * (number.filter(~tests).max() + 1)
    part = pl.when(tests).then(pl.lit("test")).when(late).then(pl.lit("valid"))
    return replace(
        found, interactions=found.interactions.with_columns(part=part.otherwise(pl.lit("train")))
    )
