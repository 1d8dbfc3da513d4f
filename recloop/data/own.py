"""A file of events of one's own to a manifest: look at it, read all of it once, say what was understood."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data import log_roles
from recloop.data.log_layout import Layout, look
from recloop.data.log_roles import LogError
from recloop.data.read import open_source
from recloop.data.readers import log
from recloop.data.tables import Reading, TableError, write_tables
from recloop.storage.files import sha256_of

TOLERATED = 0.01  # share of lines that may be set aside
EXAMPLES = 3  # lines set aside that are shown, of each reason
BOUGHT = ("purchase", "order")  # events that count as purchases where no study says otherwise
SHARES = [0.8, 0.1, 0.1]
WIDEST = 30  # columns of a log without header whose meaning is guessed
DISORDER = 0.01  # share of the steps of a file that may go back in time before its order counts for nothing


@dataclass(frozen=True)
class Understood:
    """What a file of events holds.

    Attributes:
        manifest: for sources/<name>.yaml.
        counts: what `write_tables` counts (`rows`, `users`, `sessions`, `items`, `events`, `duplicates`), with `first`
            and `last`, times in milliseconds, where they are known.
        malformed: the lines set aside, with the reason.
        note: what is worth saying about the encoding.
    """

    manifest: dict[str, Any]
    counts: dict[str, Any]
    malformed: pl.DataFrame
    note: str | None


def understand(files: Mapping[str, Path], given: Mapping[str, Any], name: str) -> Understood:
    """Look at a file of events, or at the files of a given split, and read them once.

    Args:
        files: by part of the split (train, valid, test), or one file by "all".
        given: what the user says, by option of `recloop add-data`; what is missing is found out.
        name: of the data set.

    Raises:
        LogError: something is in doubt or wrong; says what, and which option mends it.
    """
    layouts = {part: look(path, given) for part, path in files.items()}
    settings, sample = _one_layout(files, layouts, given)
    where = next(iter(files.values())).name
    roles = log_roles.find_roles(sample, given, where)
    with _folder_of(files) as (folder, names):
        rows = pl.concat(
            [log.scan(folder / file, **settings) for file in names], how="vertical_relaxed"
        )
        meanings = _meanings(rows, sample, roles, given, where)
        reading = {"files": names, "layout": _used(settings, roles), **meanings}
        reading["max_malformed"] = _tolerated(given)
        found = _read(folder, reading)
        _check(found, names, reading["max_malformed"], where)
        counts = _count(found, folder)
        if ties := _ties(found, reading, given, where):
            reading["ties"] = ties
    defaults = _defaults(name, given, reading, counts["events"])
    placed = dict(zip(names, files.values(), strict=True))
    note = next((layout.note for layout in layouts.values() if layout.note), None)
    return Understood(
        _manifest(name, given, reading, placed, defaults), counts, found.malformed, note
    )


def _tolerated(given: Mapping[str, Any]) -> float:
    share = given.get("max_malformed")
    return TOLERATED if share is None else share


def _read(folder: Path, reading: Mapping[str, Any]) -> Reading:
    """Read all lines, however many are no event."""
    source = {"reader": "log", "reading": dict(reading) | {"max_malformed": 1.0}}
    return open_source(source, folder)[0]


def name_of(path: Path) -> str:
    """Make a name for a data set of the name of its file: `My clicks.csv.gz` to `my_clicks`."""
    stem = re.sub(
        r"(\.(csv|tsv|txt|dat|data|jsonl?|ndjson|parquet|inter|gz))+$", "", path.name.lower()
    )
    name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")
    return name if name[:1].isalpha() else f"data_{name}"


# -- one layout for all files -------------------------------------------------------------------------------------


def _one_layout(
    files: Mapping[str, Path], layouts: Mapping[str, Layout], given: Mapping[str, Any]
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return the settings shared by all files, with names for all columns, and a sample of their events."""
    first, *others = layouts.values()
    for path, other in zip(list(files.values())[1:], others, strict=True):
        same = {"quoted", "columns"} if first.settings["format"] != "delimited" else {"quoted"}
        for key in first.settings.keys() | other.settings.keys() - same:
            mine, its = first.settings.get(key), other.settings.get(key)
            if mine != its and key not in same:
                raise LogError(
                    f"{path.name}: {key} is {its!r}, that of the first file is {mine!r}. Expected files alike."
                )
    settings = dict(first.settings)
    if "quoted" in settings:
        settings["quoted"] = any(layout.settings["quoted"] for layout in layouts.values())
    columns = _columns(first, given, next(iter(files.values())))
    sample = pl.concat(
        [
            layout.sample.rename(dict(zip(layout.sample.columns, columns, strict=False)))
            for layout in layouts.values()
        ],
        how="diagonal",
    )
    return settings | {"columns": columns}, sample


def _columns(layout: Layout, given: Mapping[str, Any], path: Path) -> list[str]:
    """Return the names of all columns: from the header, or from the user."""
    names, wanted = layout.sample.columns, given.get("columns")
    if "columns" in layout.settings:
        if wanted:
            raise LogError(
                f"{path.name}: has names of columns ({log_roles.shown(names)}), so that --columns does nothing. Say "
                "--user, --item, --time and so on with one of these names (or --header no)."
            )
        return names
    shown = layout.settings["delimiter"].join(layout.sample.row(0))
    if not wanted and len(names) > WIDEST:
        raise LogError(
            f"{path.name}: {len(names)} fields a line and no header; expected one event a line, not a row of a matrix."
        )
    if not wanted:
        raise LogError(
            f"{path.name}: has no header; the first line is {shown[:120]!r}. Say what its {len(names)} columns are, "
            f"if this guess is right: --columns {','.join(log_roles.guess(layout.sample))}"
        )
    if len(wanted) != len(names):
        raise LogError(
            f"{path.name}: --columns names {len(wanted)} columns, the lines have {len(names)}: {shown[:120]!r}"
        )
    used = [word for word in wanted if word != "-"]
    if repeated := [word for word in used if used.count(word) > 1]:
        raise LogError(
            f"{path.name}: --columns names '{repeated[0]}' twice; write - for a column that is not used."
        )
    return [
        f"unused_{place}" if word == "-" else word for place, word in enumerate(wanted, start=1)
    ]


def _used(settings: dict[str, Any], roles: Mapping[str, str | None]) -> dict[str, Any]:
    """Drop the columns that nothing needs, where a line need not be split in all of them."""
    if settings["format"] == "delimited":
        return settings
    used = {name for name in roles.values() if name}
    return settings | {"columns": [name for name in settings["columns"] if name in used]}


@contextmanager
def _folder_of(files: Mapping[str, Path]) -> Iterator[tuple[Path, dict[str, str | None]]]:
    """Put the files together in a folder of links, under the names that they get among the raw files."""
    with tempfile.TemporaryDirectory() as folder:
        names: dict[str, str | None] = {}
        for part, path in files.items():
            name = re.sub(r"[^A-Za-z0-9._-]", "_", path.name).lstrip(".-")
            name = f"{part}_{name}" if name in names else name
            names[name] = None if part == "all" else part
            (Path(folder) / name).symlink_to(path.resolve())
        yield Path(folder), names


# -- what the columns mean ----------------------------------------------------------------------------------------


def _meanings(
    rows: pl.LazyFrame,
    sample: pl.DataFrame,
    roles: Mapping[str, Any],
    given: Mapping[str, Any],
    where: str,
) -> dict[str, Any]:
    """Return the reader's arguments about columns, without those that are null."""
    found = {key: roles[key] for key in ("user", "session", "item", "order", "rating")}
    if roles["session"] and roles["user"] and _shared(rows, roles):
        found["sessions_per_user"] = True
    if roles["rating"] and _is_partial(rows, roles["rating"]):
        found["rating"] = None  # a table knows ratings of all events or of none
    if name := roles["time"]:
        found["time"] = _time(rows, sample[name], name, given, where)
    if (name := roles["event"]) and not given.get("kind"):
        values = log_roles.event_values(
            _words(rows, name, where, "event"), given.get("events"), where
        )
        found["event"] = {"column": name, "values": values}
    else:
        found["event"] = given.get("kind") or ("rating" if found["rating"] else "click")
    if name := roles["part"]:
        values = log_roles.part_values(_words(rows, name, where, "split-column"), where)
        found["part"] = {"column": name, "values": values}
    return {key: value for key, value in found.items() if value is not None}


def _time(
    rows: pl.LazyFrame, sample: pl.Series, name: str, given: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Determine how times are read; if the sample leaves day and month open, from all events."""
    try:
        return log_roles.time_way(sample, name, given, where)
    except LogError:
        texts = rows.select(log.field_of(name).unique()).collect(engine="streaming").to_series()
        return log_roles.time_way(texts.drop_nulls(), name, given, where)


def _words(rows: pl.LazyFrame, name: str, where: str, option: str) -> list[str]:
    """List the words of a column, those of lines that are no event left out."""
    word = log.field_of(name)
    counted = rows.filter(~word.is_in(log.NOTHING)).group_by(word.alias("word")).len()
    table = (
        counted.sort("len", "word", descending=[True, False])
        .head(10_000)
        .collect(engine="streaming")
    )
    words = table["word"].to_list()
    if len(words) > log_roles.KINDS:
        raise LogError(
            f"{where}: {name} holds {len(words)} words or more, the first are {', '.join(words[:3])}; expected "
            f"a few kinds. Name another column with --{option}, or --{option} none."
        )
    return words


def _is_partial(rows: pl.LazyFrame, name: str) -> bool:
    """Check whether more events lack a rating than may be set aside."""
    empty = log.name_of(name).is_null().mean()
    return rows.select(empty=empty).collect(engine="streaming")["empty"].item() > TOLERATED


def _shared(rows: pl.LazyFrame, roles: Mapping[str, Any]) -> bool:
    """Check whether users share names of sessions, as where each user's are numbered from 1 on."""
    user, session = log.name_of(roles["user"]), log.name_of(roles["session"])
    pairs = rows.select(user=user, session=session).drop_nulls().unique()
    found = pairs.select(pairs=pl.len(), sessions=pl.col("session").n_unique())
    counted = found.collect(engine="streaming")
    return counted["pairs"].item() > counted["sessions"].item()


# -- what was read ------------------------------------------------------------------------------------------------


def _count(found: Reading, folder: Path) -> dict[str, Any]:
    """Store the tables once, which checks what tables must hold, and count what is in them."""
    tables = folder / "tables"
    try:
        counts = write_tables(found, tables)
    except TableError as fault:
        raise LogError(str(fault)) from None
    time = pl.scan_parquet(tables / "interactions.parquet").select(
        first=pl.col("time").min(), last=pl.col("time").max()
    )
    return counts | time.collect(engine="streaming").row(0, named=True)


def _ties(
    found: Reading, reading: Mapping[str, Any], given: Mapping[str, Any], where: str
) -> str | None:
    """Determine whether the lines order nothing, so that events of one moment have to be shuffled.

    Raises:
        LogError: there is neither a time nor an order.
    """
    if "time" in reading:
        return None if _follows_time(found) else "shuffle"
    if "order" in reading or not _is_sorted(found):
        return None
    if given.get("order") != "none":
        raise LogError(
            f"{where}: there is no time, and the lines of a {_whose(found)} are sorted by item, which is no "
            "order of events. Say --order COLUMN, or --order none to shuffle them."
        )
    return "shuffle"


def _follows_time(found: Reading) -> bool:
    """Check whether the lines of a user or session are in the order of time, all but a few."""
    rows = found.interactions.select(whose=_whose(found), time="time", place="position").sort(
        "whose", "place"
    )
    step = pl.col("time").diff().over("whose")
    steps = rows.select(known=step.is_not_null().sum(), back=(step < 0).sum()).collect(
        engine="streaming"
    )
    return steps["back"].item() <= DISORDER * steps["known"].item()


def _is_sorted(found: Reading) -> bool:
    """Check whether the items of a user or session rise from line to line."""
    rows = found.interactions.select(whose=_whose(found), item="item", place="position")
    number = pl.col("item").cast(pl.Float64, strict=False)
    step = (pl.coalesce(number, pl.lit(0)).diff() > 0) | (
        number.is_null() & (pl.col("item") > pl.col("item").shift())
    )
    rising = rows.sort("whose", "place").select(
        pl.when(pl.col("whose") == pl.col("whose").shift()).then(step).alias("rises")
    )
    known = rising.drop_nulls().collect(engine="streaming")["rises"]
    return len(known) > 20 and known.mean() >= 1 - DISORDER


def _whose(found: Reading) -> str:
    return "session" if "session" in found.interactions.collect_schema().names() else "user"


def _check(found: Reading, names: Mapping[str, Any], tolerated: float, where: str) -> None:
    """Stop where nothing was read, or where a file has more lines set aside than is tolerated."""
    number = pl.col("position") // log.FILE
    good = found.interactions.group_by(number).len().collect(engine="streaming")
    good = dict(good.iter_rows())
    bad = dict(found.malformed.group_by("file").len().iter_rows())
    for place, name in enumerate(names):
        lines, aside = good.get(place, 0) + bad.get(name, 0), bad.get(name, 0)
        if not good.get(place) or aside > tolerated * lines:
            share = min(1.0, round(aside / lines + 0.005, 2)) if lines else 1.0
            raise LogError(
                f"{name if len(names) > 1 else where}: {aside:,} of {lines:,} lines would be set aside, more than the "
                f"tolerated share {tolerated:g}: {'; '.join(set_aside(found.malformed))}. Mend the file or the options"
                + (f"; --max-malformed {share} takes it as it is." if good.get(place) else ".")
            )


def set_aside(malformed: pl.DataFrame, examples: int = 1) -> list[str]:
    """Describe for each reason how many lines are set aside, with examples."""
    reasons = malformed.group_by("reason").len().sort("len", "reason", descending=[True, False])
    sentences = []
    for reason, number in reasons.iter_rows():
        some = malformed.filter(pl.col("reason") == reason).sort("line").head(examples)
        lines = ", ".join(
            f"line {row['line']} {row['text'][:60]!r}" for row in some.iter_rows(named=True)
        )
        sentences.append(f"{number:,} {reason} ({lines})")
    return sentences


# -- the manifest -------------------------------------------------------------------------------------------------


def _defaults(
    name: str, given: Mapping[str, Any], reading: Mapping[str, Any], events: Mapping[str, int]
) -> dict[str, Any]:
    """Return how the data set is prepared and split where no study specifies it: nothing is filtered."""
    cut = given.get("sessions") or {"by": "given" if reading.get("session") else "user"}
    prepare = {
        "events": list(events),
        "purchases": [event for event in events if event in BOUGHT],
        "sessions": cut,
    }
    parted = "part" in reading or any(reading["files"].values())
    split = given.get("split") or ({"by": "given"} if parted else _usual_split(cut["by"]))
    _possible(reading, cut["by"], split["by"], parted)
    return {"label": given.get("title") or name, "prepare": prepare, "split": split}


def _possible(reading: Mapping[str, Any], cut: str, split: str, parted: bool) -> None:
    """Stop where sessions or split need what the file does not have."""
    needs = {
        f"--sessions {cut}": {"given": ["session"], "gap": ["user", "time"]}.get(cut, ["user"]),
        f"--split {split}": {"time": ["time"], "last_session": ["user"]}.get(split, []),
    }
    for option, columns in needs.items():
        for column in columns:
            if column not in reading:
                raise LogError(
                    f"{option} needs the {column} of every event, which the file does not have."
                )
    if split == "given" and not parted:
        raise LogError(
            "--split given needs --split-column, or --valid and --test with files of their own."
        )


def _usual_split(cut: str) -> dict[str, Any]:
    """Hold out the last two items of a whole history, or whole sessions."""
    return {"by": "leave_one_out"} if cut == "user" else {"by": "session", "shares": SHARES}


def _manifest(
    name: str,
    given: Mapping[str, Any],
    reading: dict[str, Any],
    files: Mapping[str, Path],
    defaults: dict[str, Any],
) -> dict[str, Any]:
    return {
        "title": given.get("title") or name,
        "reader": "log",
        "licence": "Data of one's own.",
        "redistribute": False,
        "citation": "None.",
        "homepage": None,
        "instructions": "Put the file back where `local` says, or add it anew with `recloop add-data`.",
        "files": {
            file: {
                "bytes": path.stat().st_size,
                "sha256": sha256_of(path),
                "local": str(path.resolve()),
            }
            for file, path in files.items()
        },
        "reading": reading,
        "defaults": defaults,
    }


def check_names(known: Sequence[str], name: str, replace: bool) -> None:
    """Stop where a data set of that name is there already, unless it is to be replaced, or the name is none.

    Raises:
        LogError: says which.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise LogError(
            f"--name {name}: expected small letters, digits and _, a letter first, e.g. my_clicks"
        )
    if name in known and not replace:
        raise LogError(
            f"there is a data set '{name}' already. Give another --name, or --yes to replace it."
        )
