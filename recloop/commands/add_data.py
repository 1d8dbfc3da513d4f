"""`recloop add-data FILE`: look at a file of events, say what was understood, write its manifest."""

from __future__ import annotations

import argparse
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from recloop.storage.files import write_text
from recloop.storage.fingerprint import ROOT

HELP = "look at a log of events (CSV, TSV, JSON lines, Parquet; also .gz) and make a data set of it"
DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "space": " ", "pipe": "|"}
SPLITS = ("leave_one_out", "last_session", "session", "time", "given")
CUTS = ("given", "user", "gap", "count")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; most are only needed where a file leaves something in doubt."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="one event a line; with --valid and --test the training part",
    )
    parser.add_argument("--name", help="of the data set; the file's own if left out")
    parser.add_argument("--title", help="as printed in tables; the name if left out")
    parser.add_argument("--yes", action="store_true", help="replace a data set of that name")
    parser.add_argument("--look", action="store_true", help="only look, write nothing")
    given = parser.add_argument_group("a given split")
    given.add_argument("--valid", type=Path, metavar="FILE", help="file of the validation events")
    given.add_argument("--test", type=Path, metavar="FILE", help="file of the test events")
    given.add_argument(
        "--split-column", metavar="COLUMN", dest="part", help="column with train, valid and test"
    )
    columns = parser.add_argument_group("columns (none: there is no such column)")
    columns.add_argument(
        "--columns",
        type=_words,
        metavar="A,B,…",
        help="all columns of a file without header: user, session, item, time, order, event, "
        "rating, split, or - for one that is not used",
    )
    for role in ("user", "session", "item", "time", "order", "event", "rating"):
        columns.add_argument(f"--{role}", metavar="COLUMN", help=_OF_ROLE[role])
    values = parser.add_argument_group("values")
    values.add_argument(
        "--time-unit", choices=["s", "ms", "us", "ns"], help="of times that are numbers since 1970"
    )
    values.add_argument(
        "--time-format",
        metavar="FORMAT",
        help="of times that are text, as in strftime: %%d/%%m/%%Y",
    )
    values.add_argument(
        "--zone", type=_zone, help="of times that do not say it, e.g. Europe/Paris; UTC if left out"
    )
    values.add_argument(
        "--events",
        type=_pairs,
        metavar="WORD=EVENT,…",
        help="what the words of the event column mean, nothing after = leaves events out: buy=purchase,pv=view,ad=",
    )
    values.add_argument(
        "--kind", help="what all events are where no column says it: view, click, purchase, play, …"
    )
    layout = parser.add_argument_group("layout of the file")
    layout.add_argument(
        "--delimiter",
        type=_delimiter,
        help="between fields: tab, comma, semicolon, space, pipe, or itself",
    )
    layout.add_argument(
        "--header", type=_yes_or_no, metavar="yes|no", help="whether the first line holds names"
    )
    layout.add_argument("--encoding", help="of the text, e.g. cp1252")
    layout.add_argument(
        "--max-malformed",
        type=_share,
        metavar="SHARE",
        help="tolerated share of lines that are no event; 0.01 if left out",
    )
    uses = parser.add_argument_group("how models see it")
    uses.add_argument(
        "--sessions",
        type=_cut,
        metavar="WAY",
        help="given, user (all events of a user), gap:30 (minutes), count:20 (events)",
    )
    uses.add_argument(
        "--split",
        type=_split,
        metavar="WAY",
        help="leave_one_out, last_session, session or time, the last two perhaps with shares: session:0.8,0.1,0.1",
    )


_OF_ROLE = {
    "user": "who acts",
    "session": "which visit an event belongs to",
    "item": "what is acted on",
    "time": "when",
    "order": "a number that orders the events of a user or session, where there is no time",
    "event": "what is done: view, click, buy, …",
    "rating": "how the item is judged",
}


def run(options: argparse.Namespace) -> int:
    """Understand the file, print what was understood and write the manifest.

    Raises:
        LogError: something is in doubt or wrong.
    """
    from recloop.data import own
    from recloop.data.log_roles import LogError

    files = _files(options, LogError)
    name = options.name or own.name_of(options.file)
    known = {path.stem for path in (ROOT / "sources").glob("*.yaml")}
    own.check_names(sorted(known), name, options.yes or options.look)
    _check_kind(options.kind, LogError)
    found = own.understand(files, vars(options), name)
    print(report(found, name))
    if options.look:
        return 0
    path = ROOT / "sources" / f"{name}.yaml"
    text = yaml.safe_dump(found.manifest, sort_keys=False, allow_unicode=True, width=110)
    write_text(path, f"# Made by `recloop add-data`; change what is not right.\n{text}")
    print(
        f"\nwrote sources/{name}.yaml. Now:\n"
        f"  recloop run sasrec {name}              one model on it\n"
        f"  datasets: [{name}] in config.yaml      a study's tables on it, then snakemake"
    )
    return 0


def _files(options: argparse.Namespace, error: type[ValueError]) -> dict[str, Path]:
    if options.valid is None and options.test is None:
        return {"all": options.file}
    if options.valid is None or options.test is None:
        raise error("a given split needs three files: FILE --valid FILE --test FILE")
    if options.part not in (None, "none"):
        raise error("the split is given by files and by --split-column. Drop one of them.")
    options.part = "none"
    return {"train": options.file, "valid": options.valid, "test": options.test}


def _check_kind(kind: str | None, error: type[ValueError]) -> None:
    from recloop.data.tables import EVENTS

    if kind is not None and kind not in EVENTS:
        raise error(f"--kind {kind}: no such event, expected one of {', '.join(EVENTS)}")


# -- the report ---------------------------------------------------------------------------------------------------


def report(found: Any, name: str) -> str:
    """Summarise in a few lines how the files were read."""
    from recloop.data.own import EXAMPLES, set_aside

    reading, defaults = found.manifest["reading"], found.manifest["defaults"]
    lines = [
        f"{name}: {', '.join(reading['files'])}",
        f"  layout    {_layout(reading, found.note)}",
    ]
    lines += [f"  {role:<9} {_role(reading, role)}" for role in ("user", "session", "item")]
    lines.append(f"  time      {_time(reading)}")
    lines.append(f"  events    {_events(reading, found.counts['events'])}")
    lines += [f"  rating    {reading['rating']}"] if "rating" in reading else []
    lines.append(f"  sessions  {_sessions(defaults['prepare']['sessions'])}")
    lines.append(f"  split     {_parts(reading, defaults['split'])}")
    lines.append(f"  found     {_counts(found.counts)}")
    aside = set_aside(found.malformed, EXAMPLES)
    lines.append(f"  set aside {'; '.join(aside) if aside else 'nothing'}")
    return "\n".join(lines)


def _layout(reading: dict, note: str | None) -> str:
    reading = reading["layout"]
    parts = {"jsonl": "one JSON object a line", "parquet": "Parquet"}.get(reading["format"])
    if parts is None:
        names = {mark: word for word, mark in DELIMITERS.items() if word.isalpha()}
        header = "header" if reading["header"] else "no header"
        delimiter = names.get(reading["delimiter"], reading["delimiter"])
        parts = f"fields parted by {delimiter}, {header}" + (
            ", quoted fields" if reading["quoted"] else ""
        )
    return parts + (f"; {note}" if note else "")


def _role(reading: dict, role: str) -> str:
    together = role == "session" and reading.get("sessions_per_user")
    return reading.get(role, "–") + (" of each user, since users share names" if together else "")


def _time(reading: dict) -> str:
    shuffled = reading.get("ties") == "shuffle"
    if "time" not in reading:
        lines = "shuffled" if shuffled else "that of the lines"
        return f"– (order: {'by ' + reading['order'] if 'order' in reading else lines})"
    way, ties = reading["time"], _TIES if shuffled else ""
    if "unit" in way:
        return f"{way['column']}, {_UNITS[way['unit']]} since 1970{ties}"
    zone = f", taken as {way['zone']} (--zone says otherwise)" if "zone" in way else ""
    return f"{way['column']}, {way['format']}{zone}{ties}"


_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_TIES = "; the lines are not in this order, so that events of one moment are shuffled"


def _events(reading: dict, events: dict[str, int]) -> str:
    often = sorted(events.items(), key=lambda pair: -pair[1])
    counts = ", ".join(f"{number:,} {event}" for event, number in often)
    if isinstance(reading["event"], str):
        return f"{counts} (no column says so: --event, --kind)"
    means = reading["event"]["values"].items()
    words = ", ".join(f"{word} = {event or 'left out'}" for word, event in means)
    return f"{reading['event']['column']}: {words}; {counts}"


def _sessions(cut: dict) -> str:
    return {
        "given": "as given",
        "user": "all events of a user are one (--sessions gap:30 cuts at pauses)",
        "gap": f"cut at pauses of {cut.get('gap_minutes')} minutes",
        "count": f"cut after {cut.get('events')} events",
    }[cut["by"]]


def _parts(reading: dict, split: dict) -> str:
    if split["by"] == "given":
        where = reading["part"]["column"] if "part" in reading else "the three files"
        return f"given by {where}"
    shares = f" {split['shares']}" if split.get("shares") else ""
    return f"{split['by']}{shares} (--split says otherwise)"


def _counts(counts: dict) -> str:
    text = f"{counts['rows']:,} events"
    text += "".join(
        f", {counts[key]:,} {key}" for key in ("users", "sessions", "items") if counts[key]
    )
    if counts["duplicates"]:
        text += f", {counts['duplicates']:,} events repeat another one exactly (kept)"
    if counts["first"] is None:
        return text
    first, last = (datetime.fromtimestamp(counts[key] / 1000, UTC) for key in ("first", "last"))
    return f"{text}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


# -- values of options --------------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _pairs(text: str) -> dict[str, str | None]:
    pairs = [word.partition("=") for word in text.split(",")]
    if not all(mark for _, mark, _ in pairs):
        raise argparse.ArgumentTypeError(
            f"'{text}', expected word=event,word=event, e.g. buy=purchase,pv=view"
        )
    return {word.strip(): event.strip() or None for word, _, event in pairs}


def _delimiter(text: str) -> str:
    mark = DELIMITERS.get(text, text)
    if not mark or "\n" in mark or '"' in mark:
        raise argparse.ArgumentTypeError(
            f"'{text}', expected what stands between two fields, e.g. tab"
        )
    return mark


def _yes_or_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise argparse.ArgumentTypeError(f"'{text}', expected yes or no")
    return text == "yes"


def _zone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no zone, expected one such as Europe/Paris or UTC"
        ) from None
    return text


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"'{text}', expected a share from 0 to below 1, e.g. 0.05")
    return share


def _cut(text: str) -> dict[str, Any]:
    by, _, number = text.partition(":")
    keys = {"gap": "gap_minutes", "count": "events"}
    if by not in CUTS or (by in keys) != number.isdecimal() or number == "0":
        raise argparse.ArgumentTypeError(
            f"'{text}', expected given, user, gap:MINUTES or count:EVENTS, e.g. gap:30"
        )
    return {"by": by} | ({keys[by]: int(number)} if by in keys else {})


def _split(text: str) -> dict[str, Any]:
    by, _, given = text.partition(":")
    wanted = by in ("session", "time")
    try:
        shares = [float(share) for share in given.split(",")] if given else [0.8, 0.1, 0.1]
    except ValueError:
        shares = []
    sound = len(shares) == 3 and min(shares) > 0 and abs(sum(shares) - 1) < 1e-9
    if by not in SPLITS or (given and not wanted) or not sound:
        raise argparse.ArgumentTypeError(
            f"'{text}', expected {', '.join(SPLITS[:-1])}, the last two perhaps with three shares: time:0.8,0.1,0.1"
        )
    return {"by": by} | ({"shares": shares} if wanted else {})
