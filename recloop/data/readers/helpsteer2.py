"""Two replies to each prompt with grades by people; the more helpful one is preferred, ties are dropped.

Wang et al. HelpSteer2. NeurIPS 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.json_rows import Row, lacks_text, read_rows

FILES = {"train.jsonl.gz": "train", "validation.jsonl.gz": "test"}


def read_pairs(raw: Path, max_malformed: float = 0.0) -> pl.DataFrame:
    """Read the pairs of both files; replies to one prompt stand one after the other."""
    found = []
    for name, part in FILES.items():
        rows = read_rows(raw / name, fault, max_malformed)
        neighbours = list(pairwise(rows))[::2]
        found += [pair(*two) | {"part": part} for two in neighbours if differ(*two)]
    return pl.DataFrame(found)


def fault(row: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a row."""
    wrong = lacks_text(row, ("prompt", "response"))
    return wrong or (None if isinstance(row.get("helpfulness"), int) else "has no grade")


def differ(one: Row, other: Row) -> bool:
    """Check whether two replies are to one prompt and one of them is more helpful."""
    return one["prompt"] == other["prompt"] and one["helpfulness"] != other["helpfulness"]


def pair(one: Row, other: Row) -> dict[str, str]:
    """Put the more helpful reply first."""
    better, worse = sorted((one, other), key=lambda row: -row["helpfulness"])
    texts = {"chosen": better["response"].strip(), "rejected": worse["response"].strip()}
    return {"prompt": one["prompt"].strip(), **texts, "kind": "helpfulness"}
