"""Lists that others made, read from a file (`user`, `item`, `rank` or `score`), and what was relevant (`user`, `item`).

CSV, TSV or Parquet; every value is read as text, and nothing is guessed.
"""

from pathlib import Path

import polars as pl

from recloop.evaluation.conventions import of_own
from recloop.storage.settings import SettingsError

PAIR = ["user", "item"]
SEPARATORS = {".csv": ",", ".tsv": "\t"}


def read(lists: Path, truth: Path | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read lists with what was relevant; a lists.parquet of this project has both.

    Returns:
        rows of user, item and score in the order of the file, and rows of user and item.

    Raises:
        SettingsError: says which file, what it has and what was expected.
    """
    if truth is None:
        own = table(lists)
        if not {"session", "position", "target", "top"} <= set(own.columns):
            raise SettingsError(
                f"{lists}: --truth: name the file of what was relevant (user, item)"
            )
        return of_own(pl.read_parquet(lists))
    listed, relevant = scored(table(lists), lists), pairs(table(truth), truth)
    if listed.join(relevant, on="user", how="semi").is_empty():
        raise SettingsError(f"{lists} and {truth} have no user in common")
    return listed, relevant


def table(path: Path) -> pl.DataFrame:
    """Read a table; CSV as text.

    Raises:
        SettingsError: it is not there, or no table.
    """
    if not path.is_file():
        raise SettingsError(f"{path} does not exist")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        separator = SEPARATORS.get(path.suffix, ",")
        return pl.read_csv(path, separator=separator, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise SettingsError(f"{path} cannot be read: {str(fault).splitlines()[0]}") from None


def pairs(found: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Take the columns of user and item as text, and stop where one is missing, empty, or a pair stands twice.

    Raises:
        SettingsError: names the first such user and item.
    """
    if missing := [name for name in PAIR if name not in found.columns]:
        raise SettingsError(
            f"{path}: no column {' or '.join(missing)}; it has {', '.join(found.columns)}"
        )
    named = found.with_columns(pl.col(PAIR).cast(pl.String))
    if named.is_empty() or named.select(pl.any_horizontal(pl.col(PAIR).is_null()).any()).item():
        raise SettingsError(f"{path}: a user or an item is empty, or there is no row")
    twice = named.filter(named.select(PAIR).is_duplicated())
    if len(twice):
        user, item = twice.select(PAIR).row(0)
        raise SettingsError(f"{path}: user {user} has item {item} twice")
    return named


def scored(found: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Add the score by which items are ordered: that of the file, or the rank turned round.

    Raises:
        SettingsError: there is neither, a value is no finite number, or they disagree.
    """
    given = [name for name in ("score", "rank") if name in found.columns]
    if not given:
        raise SettingsError(f"{path}: no column rank or score; it has {', '.join(found.columns)}")
    named = pairs(found, path).with_columns(pl.col(given).cast(pl.Float64, strict=False))
    wrong = named.filter(~pl.all_horizontal(pl.col(given).is_finite().fill_null(False)))
    if len(wrong):
        user, item = wrong.select(PAIR).row(0)
        raise SettingsError(
            f"{path}: {' or '.join(given)} of user {user}, item {item} is no finite number"
        )
    if len(given) == 2:
        agree(named, path)
    return named.select(
        *PAIR, pl.col("score") if "score" in given else -pl.col("rank").alias("score")
    )


def agree(named: pl.DataFrame, path: Path) -> None:
    """Stop where an item of a lower score has the better rank.

    Raises:
        SettingsError: names the first such user.
    """
    rises = pl.col("score").diff().over("user") > 0
    wrong = named.sort("user", "rank").filter(rises)
    if len(wrong):
        raise SettingsError(
            f"{path}: rank and score of user {wrong['user'][0]} disagree: score has to fall with rank"
        )
