"""Which column of a log is what: by its name, by what it holds, or as the user says. In doubt nothing is taken."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from recloop.data import log_times
from recloop.data.readers.log import NOTHING
from recloop.data.tables import EVENTS

COLUMNS = {  # normal names (small letters and digits) of the columns of each role, likeliest first
    "user": """userid user uid visitorid visitor customerid customer clientid client reviewerid reviewer memberid
        member accountid account personid person playerid readerid username fullvisitorid userpseudoid msno""",
    "session": """sessionid session sid sessid sessionidx sessionkey visitid visit usersession basketid playlistid""",
    "item": """itemid item iid productid product parentasin asin movieid movie bookid isbn book skuid sku articleid
        article trackid track songid song artistid artist albumid album newsid news videoid video businessid business
        contentid content poiid venueid recipeid goodsid adid objectid""",
    "time": """timestamp time ts datetime date unixreviewtime eventtime actiontime clicktime createdat createtime
        created unixtime eventtimestamp eventdate timestampms timems timesec epoch playedat visittime behaviortime
        logtime reviewtime""",
    "order": "position index step sequence seq positioninsession itemorder",
    "event": """event eventtype eventname action actiontype type behavior behaviortype behaviour behaviourtype
        interaction interactiontype activity""",
    "rating": "rating ratings stars score overall rate",
    "part": "split part subset set partition fold",
}
NAMES = {role: names.split() for role, names in COLUMNS.items()}
WORDS = {  # normal words of an event column
    "view": "view views viewed pageview pv productview detailview viewitem",
    "click": "click clicks clicked clk",
    "cart": "cart carts addtocart addcart basket addtobasket",
    "purchase": "purchase purchases purchased buy buys bought transaction transactions sale",
    "order": "order orders ordered",
    "play": "play plays played listen listened stream streamed watch watched",
    "rating": "rating rate rated",
    "follow": "follow followed fav favorite favourite like liked bookmark wishlist",
    "comment": "comment comments commented",
    "tag": "tag tags tagged",
}
EVENT_OF = {word: event for event, words in WORDS.items() for word in words.split()}
PARTS = {  # normal words of a column that holds a given split
    "train": "train training", "valid": "valid validation val dev", "test": "test testing",
}  # fmt: skip
PART_OF = {word: part for part, words in PARTS.items() for word in words.split()}
KINDS = 50  # distinct values that an event column may have


class LogError(ValueError):
    """A file of events is not understood, or can be understood in two ways."""


def normal(name: object) -> str:
    """Write a name or word in small letters and digits; RecBole's types (`user_id:token`) are taken off."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r":(token|float)(_seq)?$", "", str(name).lower()))


def role_of(name: str) -> str | None:
    """Look up the role that a column's name stands for."""
    return next((role for role, names in NAMES.items() if normal(name) in names), None)


def find_roles(sample: pl.DataFrame, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Find which column is what.

    Args:
        sample: text of some events, one column for each of the file's.
        given: what the user says: a column (or "none") for `user`, `session`, `item`, `time`, `order`, `event`,
            `rating`, `part`.
        where: the file, for messages.

    Returns:
        `user`, `session`, `item`, `time`, `order`, `event`, `rating`, `part`: a column each, or null.

    Raises:
        LogError: there is no item, neither user nor session, or two columns for one role.
    """
    found = {role: _column(sample, role, given.get(role), where) for role in NAMES}
    if found["time"] is None and given.get("time") is None:
        found["time"] = _time_by_content(sample, found, where)
        _no_dates_in_parts(sample, found, where)
    if found["time"] is not None and given.get("order") is None:
        found["order"] = None  # the time says it, and then the place in the file
    if found["item"] is None or (found["user"] is None and found["session"] is None):
        raise LogError(_unknown(sample, found, where))
    _no_column_twice(found, where)
    return found


def guess(sample: pl.DataFrame) -> list[str]:
    """Guess the roles of columns without names, for a message that asks the user."""
    rest, found = iter(("user", "item")), []
    for name in sample.columns:
        role = _content(sample[name])
        found.append(role if role and role not in found else next(rest, "-"))
    return found


def shown(names: Sequence[str]) -> str:
    """List names of columns for a message, the first ones of many."""
    short = [name if len(name) <= 30 else f"{name[:30]}…" for name in names[:12]]
    return ", ".join(short) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


# -- one role -----------------------------------------------------------------------------------------------------


def _column(sample: pl.DataFrame, role: str, given: str | None, where: str) -> str | None:
    """Find the column of a role: the user's, or the one with such a name and content."""
    if given is not None:
        return _given(sample, role, given, where)
    names = [name for name in sample.columns if normal(name) in NAMES[role]]
    names.sort(key=lambda name: NAMES[role].index(normal(name)))
    fitting = [name for name in names if _fits(sample[name], role)]
    if role == "time" and names:
        _check_times(sample, names, fitting, where)
    if role == "rating" and names and not fitting:
        example = next((text for text in sample[names[0]] if text), "")
        raise LogError(
            f"{where}: {names[0]} holds {example!r}, expected a number. Write it with a point, or say --rating none."
        )
    if len(fitting) > 1 and not all(_same(sample, fitting[0], name) for name in fitting[1:]):
        raise LogError(
            f"{where}: {' and '.join(fitting)} may both be the {role}. Say which: --{option(role)} {fitting[0]}"
        )
    return fitting[0] if fitting else None


def _given(sample: pl.DataFrame, role: str, given: str, where: str) -> str | None:
    if given == "none":
        return None
    if given not in sample.columns:
        raise LogError(
            f"{where}: --{option(role)} {given}: no such column{_nearest(given, sample.columns)}"
        )
    return given


def option(role: str) -> str:
    """Return the name of the option that sets the column of a role."""
    return {"part": "split-column"}.get(role, role)


def _fits(values: pl.Series, role: str) -> bool:
    """Check whether a column with the right name holds the right thing."""
    whole = values.drop_nulls().str.strip_chars()
    whole = whole.filter(~whole.is_in(NOTHING))
    if whole.is_empty():
        return False
    if role == "time":
        return bool(log_times.ways(whole, named=True))
    if role in ("rating", "order"):
        return whole.cast(pl.Float64, strict=False).is_not_null().mean() >= log_times.ENOUGH
    if role == "event":
        return whole.n_unique() <= KINDS
    if role == "part":
        return all(normal(word) in PART_OF for word in whole.unique())
    return True


def _check_times(sample: pl.DataFrame, names: list[str], fitting: list[str], where: str) -> None:
    clocks = [name for name in names if log_times.is_clock(sample[name])]
    if clocks:
        raise LogError(
            f"{where}: {clocks[0]} is a time of the day without its date. Join date and time in one column, "
            f"or say --time {fitting[0] if fitting else 'none'} to leave it out."
        )
    if not fitting:
        example = next((text for text in sample[names[0]] if text), "")
        raise LogError(
            f"{where}: {names[0]} holds {example!r}, which is no time that is known (or several ways are mixed). "
            f"Say --time-unit s, ms, us or ns, or --time-format (as in strftime, e.g. %d/%m/%Y), or --time none."
        )


def _same(sample: pl.DataFrame, first: str, second: str) -> bool:
    """Check whether two columns name the same things, so that either will do."""
    pairs = sample.select(first, second).n_unique()
    return pairs == sample[first].n_unique() == sample[second].n_unique()


def _time_by_content(sample: pl.DataFrame, found: Mapping[str, Any], where: str) -> str | None:
    """Find a column of times under an unknown name; text can be nothing else, numbers may be names."""
    taken = {name for name in found.values() if name is not None}
    free = [name for name in sample.columns if name not in taken]
    ways = {name: log_times.ways(sample[name], named=False) for name in free}
    written = [name for name in free if ways[name] and "format" in ways[name][0]]
    if len(written) == 1:
        return written[0]
    doubtful = written or [name for name in free if ways[name]]
    if doubtful:
        raise LogError(
            f"{where}: {' or '.join(doubtful)} may be the time. Say it: --time {doubtful[0]}, or --time none"
        )
    return None


def _no_dates_in_parts(sample: pl.DataFrame, found: Mapping[str, Any], where: str) -> None:
    parts = [name for name in sample.columns if normal(name) in ("year", "month", "day", "hour")]
    if found["time"] is None and len(parts) > 1:
        raise LogError(
            f"{where}: {', '.join(parts)} are a date in several columns. Join them in one "
            "(2009-04-01), or say --time none."
        )


def _content(values: pl.Series) -> str | None:
    """Guess what a column without a name holds, apart from names of users and items."""
    ways = log_times.ways(values, named=False)
    if ways:
        return "time"
    words = values.drop_nulls().unique()
    if len(words) <= KINDS and all(normal(word) in EVENT_OF for word in words):
        return "event"
    if len(words) <= KINDS and all(normal(word) in PART_OF for word in words):
        return "split"
    numbers = words.cast(pl.Float64, strict=False)
    few = len(words) <= 11 and len(values) > 2 * len(words)
    return "rating" if few and numbers.is_between(0, 10).all() and not numbers.has_nulls() else None


def _unknown(sample: pl.DataFrame, found: Mapping[str, Any], where: str) -> str:
    missing = [role for role in ("item",) if found[role] is None]
    if found["user"] is None and found["session"] is None:
        missing.insert(0, "user (or --session)")
    options = " ".join(f"--{role} COLUMN" for role in missing)
    return (
        f"{where}: which column names the {' and the '.join(role.split()[0] for role in missing)}? "
        f"There are {shown(sample.columns)}. Say it: {options}"
    )


def _no_column_twice(found: Mapping[str, Any], where: str) -> None:
    taken: dict[str, str] = {}
    for role, name in found.items():
        if name is not None and name in taken:
            raise LogError(
                f"{where}: {name} cannot be the {taken[name]} and the {role}. Name another with --{option(role)}."
            )
        if name is not None:
            taken[name] = role


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; there are {shown(known)}"


# -- what the values of a column mean -----------------------------------------------------------------------------


def time_way(
    values: pl.Series, column: str, given: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Determine how the times of a column are read.

    Args:
        values: text of events; of all events where those of a sample leave two ways open.
        column: its name.
        given: `time_unit`, `time_format` and `zone`, as the user says.
        where: the file, for messages.

    Raises:
        LogError: no way or more than one reads them.
    """
    zone = given.get("zone")
    if unit := given.get("time_unit"):
        return {"column": column, "unit": unit}
    if text := given.get("time_format"):
        return {"column": column, "format": text, "zone": zone or "UTC"}
    ways = log_times.ways(values, named=True)
    if len(ways) > 1:
        raise LogError(
            f"{where}: {column}: {values.drop_nulls().first()!r} may be read as "
            f"{' or '.join(way['format'] for way in ways)}. Say it: --time-format '{ways[0]['format']}'"
        )
    if not ways:
        raise LogError(
            f"{where}: {column} holds {values.drop_nulls().first()!r}, which is no time that is known. Say "
            "--time-unit s, ms, us or ns, or --time-format (as in strftime), or --time none."
        )
    way = {"column": column} | ways[0]
    if "unit" in way:
        return way | {"after": log_times.EARLIEST}
    return way if log_times.is_zoned(way) else way | {"zone": zone or "UTC"}


def event_values(
    words: list[str], given: Mapping[str, str | None] | None, where: str
) -> dict[str, str | None]:
    """Map each word of a column to the event that it stands for; null for those to leave out.

    Raises:
        LogError: a word has no known meaning, or one that the project has no name for.
    """
    given = given or {}
    for word, event in given.items():
        if event is not None and event not in EVENTS:
            raise LogError(f"--events {word}={event}: no such event{_nearest(event, list(EVENTS))}")
    found = {word: given[word] if word in given else EVENT_OF.get(normal(word)) for word in words}
    unknown = [word for word in words if found[word] is None and word not in given]
    if unknown:
        known = [f"{word}={found[word]}" for word in words if word not in unknown]
        asked = ",".join([*known, *(f"{word}=?" for word in unknown)])
        raise LogError(
            f"{where}: what do the events {', '.join(unknown)} mean? Say it: --events {asked} with, for each ?, one of "
            f"{', '.join(EVENTS)} (or nothing, to leave these events out); --event none takes all events for one kind."
        )
    return found


def part_values(words: list[str], where: str) -> dict[str, str]:
    """Map each word of a column to the part of a split that it stands for.

    Raises:
        LogError: a word is none, or training or test is missing.
    """
    found = {word: PART_OF.get(normal(word)) for word in words}
    if unknown := [word for word, part in found.items() if part is None]:
        raise LogError(
            f"{where}: {unknown[0]!r} is no part of a split, expected train, valid and test."
        )
    if absent := [part for part in ("train", "valid", "test") if part not in found.values()]:
        raise LogError(
            f"{where}: the split has no {' and no '.join(absent)}, expected train, valid and test."
        )
    return found
