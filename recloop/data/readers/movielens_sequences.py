"""MovieLens 1M as the release of gSASRec parts it: sequences of items in order, without times or ratings.

Petrov and Macdonald. gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative Sampling.
RecSys 2023.

Every user has a line of training items. 512 users, drawn by the authors, have a line of what is known before their
validation item: that of training and one item more, by which the two are matched. The last item of every user tests;
where the item before it is not in the files, which is so for all but the 512, what was known then is not known here,
and the user only trains.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.quarantine import Checked, MalformedError, read_lines, separate
from recloop.data.tables import Reading, as_interactions, as_items, unroll

TRAIN, KNOWN, VALID, TEST = "train_input.txt", "val_input.txt", "val_output.txt", "test_output.txt"
SEQUENCE, ONE = r"^\d+( \d+)*$", r"^\d+$"


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read one sequence per user, every event with its part of the release's split.

    Raises:
        MalformedError: files of different releases, whose lines do not go together.
    """
    files = {name: _checked(raw / name, max_malformed) for name in (TRAIN, KNOWN, VALID, TEST)}
    lines = {name: file.rows.sort("line").collect() for name, file in files.items()}
    _check_lines(raw, lines)
    users = lines[TRAIN].select(
        "line", items=pl.col("text").str.split(" "), last=lines[TEST]["text"]
    )
    events = pl.concat([_events(users, "items", "train", 0), *_held_out(raw, users, lines)])
    events = events.with_columns(pl.format("user-{}", pl.col("user").cast(pl.String).str.zfill(4)))
    interactions = as_interactions(
        events.lazy(),
        "rating",
        user=pl.col("user"),
        item=pl.col("item"),
        part=pl.col("part"),
        position=pl.col("place"),
    )
    return Reading(
        interactions=interactions,
        items=as_items(events.select("item").unique()),
        malformed=pl.concat([file.malformed for file in files.values()]),
        files=tuple(raw / name for name in files),
    )


def _checked(path: Path, max_malformed: float) -> Checked:
    """Read a file of sequences, or of single items."""
    shape = SEQUENCE if path.name in (TRAIN, KNOWN) else ONE
    rows = read_lines(path).with_columns(pl.col("text").str.strip_chars())
    problem = {"is no list of item numbers": ~pl.col("text").str.contains(shape)}
    return separate(rows, path, problem, max_malformed)


def _check_lines(raw: Path, lines: dict[str, pl.DataFrame]) -> None:
    """Stop where two files that go together line by line have different lines."""
    for first, second in ((TRAIN, TEST), (KNOWN, VALID)):
        if not lines[first]["line"].equals(lines[second]["line"]):
            raise MalformedError(
                f"{raw}: {first} has {lines[first].height} good lines, {second} {lines[second].height}, of which not "
                "all go together; take all files of one release."
            )


def _held_out(raw: Path, users: pl.DataFrame, lines: dict[str, pl.DataFrame]) -> list[pl.DataFrame]:
    """List the events of the validation users after those of training: known before validation, validation, test."""
    known = lines[KNOWN].with_columns(items=pl.col("text").str.split(" "))
    known = known.select(
        pl.col("items").list.last().alias("known"),
        pl.col("items").list.head(pl.col("items").list.len() - 1).list.join(" ").alias("items"),
        valid=lines[VALID]["text"],
    )
    joined = users.with_columns(pl.col("items").list.join(" ")).join(known, on="items")
    if joined.height != known.height or joined["line"].n_unique() != known.height:
        raise MalformedError(
            f"{raw / KNOWN}: {known.height} lines, expected each to go on for one item after just one line of {TRAIN}, "
            f"which {joined['line'].n_unique()} do; take all files of one release."
        )
    joined = joined.with_columns(pl.col("items").str.split(" "))
    steps = {"known": "train", "valid": "valid", "last": "test"}
    return [
        joined.select(
            user="line",
            item=column,
            place=pl.col("items").list.len().cast(pl.Int64) + number,
            part=pl.lit(part),
        )
        for number, (column, part) in enumerate(steps.items())
    ]


def _events(users: pl.DataFrame, column: str, part: str, start: int) -> pl.DataFrame:
    """Unroll sequences to events."""
    listed = unroll(users.lazy().rename({"line": "user"}), column, "user").collect()
    return listed.select("user", "item", place=pl.col("line") + start, part=pl.lit(part))
