"""Pairs of answers of language models in 58 scenarios, with the one that people prefer.

Li et al. Generative Judge for Evaluating Alignment. ICLR 2024, the pairs of its test set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.json_rows import lacks_text, read_rows

FILE = "testdata_pairwise.jsonl"
TIE = 2


def read_pairs(raw: Path, max_malformed: float = 0.0) -> pl.DataFrame:
    """Read the pairs that are no ties."""
    rows = [row for row in read_rows(raw / FILE, fault, max_malformed) if row["label"] != TIE]
    found = [
        {
            "prompt": row["prompt"].strip(),
            "chosen": row[f"response {1 + row['label']}"].strip(),
            "rejected": row[f"response {2 - row['label']}"].strip(),
            "kind": str(row.get("scenario")),
        }
        for row in rows
    ]
    return pl.DataFrame(found).with_columns(part=pl.lit(None, dtype=pl.String))


def fault(row: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a row."""
    wrong = lacks_text(row, ("prompt", "response 1", "response 2"))
    return wrong or (None if row.get("label") in (0, 1, TIE) else "has no label 0, 1 or 2")
