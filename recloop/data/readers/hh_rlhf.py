"""Pairs of dialogues of people with an assistant, one of which they preferred.

Bai et al. Training a Helpful and Harmless Assistant with Reinforcement Learning from Human Feedback. 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.json_rows import lacks_text, read_rows

FILE = "harmless-base-test.jsonl.gz"
HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"


def read_pairs(raw: Path, max_malformed: float = 0.05) -> pl.DataFrame:
    """Read the last answers of both dialogues; what was said before, with who said it, is the prompt."""
    rows = read_rows(raw / FILE, fault, max_malformed)
    parted = [part(row["chosen"], row["rejected"]) for row in rows]
    columns = {"prompt": pl.String, "chosen": pl.String, "rejected": pl.String}
    return pl.DataFrame(parted, schema=columns, orient="row").with_columns(
        kind=pl.lit("harmless"), part=pl.lit(None, dtype=pl.String)
    )


def fault(row: Mapping[str, Any]) -> str | None:
    """Say what is wrong with a row: no two dialogues, or two that do not part in an answer of the assistant."""
    if wrong := lacks_text(row, ("chosen", "rejected")):
        return wrong
    if row["chosen"] == row["rejected"]:
        return "has the same dialogue twice"
    prompt, *answers = part(row["chosen"], row["rejected"])
    if not prompt or not all(answers):
        return "has dialogues that do not part in an answer"
    return None if not any(HUMAN in one for one in answers) else "goes on behind the answer"


def alike(marks: tuple[str, str]) -> bool:
    """Check whether two marks are one."""
    return marks[0] == marks[1]


def part(chosen: str, rejected: str) -> tuple[str, str, str]:
    """Part two dialogues at the last turn of the assistant that both begin with."""
    same = "".join(one for one, _ in takewhile(alike, zip(chosen, rejected, strict=False)))
    at = same.rfind(ASSISTANT)
    if at < 0:
        return "", "", ""
    end = at + len(ASSISTANT)
    prompt = same[:at].strip().removeprefix("Human:").strip()
    return (
        prompt.replace(HUMAN, "\n").replace(ASSISTANT, "\n"),
        chosen[end:].strip(),
        rejected[end:].strip(),
    )
