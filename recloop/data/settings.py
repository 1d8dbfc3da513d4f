"""What `prepare` and `split` may hold, for logs and for dialogues: kinds, ranges, and what goes with what.

It needs neither data nor data frames, so that a plan checks before the first job what the job checks again.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from recloop.storage.settings import SettingsError, nearest

EVENTS = (
    "view",
    "click",
    "cart",
    "purchase",
    "play",
    "rating",
    "order",
    "follow",
    "comment",
    "tag",
)
PARTS = ("train", "valid", "test")
CATALOGUE = "items.csv"  # titles and the like, beside the events of any log
PICTURES = "pictures.json"  # stands for the pictures that are files of their own
WAYS_TO_CUT = ("given", "user", "gap", "count")
WAYS_TO_SPLIT = ("session", "time", "last_session", "leave_one_out", "given")
TARGETS = ("all", "last")  # which events of held-out sessions are predicted
STEPS = {
    "sample": "sample_sessions",
    "period": "period",
    "items": "min_item_events",
    "sessions": "min_session_events",
    "users": "min_user_sessions",
}
CUTS = {
    "gap_minutes": "gap",
    "events": "count",
}  # a setting of `sessions` and the way that needs it
BY_SHARES = ("session", "time")


class SettingError(SettingsError):
    """A setting that is unknown, impossible, contradictory or without effect."""


@dataclass(frozen=True)
class Kind:
    """What one setting may hold.

    Args:
        default: the value where nothing is set.
        expected: ends the sentence `expected ...`.
        fits: whether a value is of this kind.
        words: the values allowed, or allowed in a list, where they are words.
        null: whether null is allowed, which means that the setting does nothing.
    """

    default: Any
    expected: str
    fits: Callable[[Any], bool]
    words: tuple[str, ...] = ()
    null: bool = False

    def check(self, name: str, value: Any) -> None:
        """Stop where a value is of another kind, naming it, what was expected and the nearest word."""
        if value is None and self.null:
            return
        for word in value if isinstance(value, list | tuple) else [value]:
            if self.words and isinstance(word, str):
                one_of(name, word, self.words)
        if not self.fits(value):
            null = " or null" if self.null else ""
            raise SettingError(f"{name} is {_shown(value)}, expected {self.expected}{null}.")


@dataclass(frozen=True)
class Group:
    """Settings inside a setting.

    Args:
        kinds: the kind of each.
        null: whether all of them may be missing together.
    """

    kinds: Mapping[str, Kind | Group]
    null: bool = False


Kinds = Mapping[str, Kind | Group]


def whole(least: int, default: int | None = None, null: bool = False) -> Kind:
    """Allow whole numbers from `least` on."""

    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and value >= least

    return Kind(default, f"a whole number (at least {least})", fits, null=null)


def number(
    least: int | float = -math.inf,
    most: int | float = math.inf,
    above: int | float = -math.inf,
    below: int | float = math.inf,
    default: int | float | None = None,
    null: bool = False,
) -> Kind:
    """Allow finite numbers from `least` to `most` that lie between `above` and `below`."""
    limits = {"at least": least, "above": above, "at most": most, "below": below}
    limits = [f"{name} {limit:g}" for name, limit in limits.items() if math.isfinite(limit)]

    def fits(value: Any) -> bool:
        return is_number(value) and least <= value <= most and above < value < below

    return Kind(default, f"a number ({' and '.join(limits)})", fits, null=null)


def word(known: Sequence[str], default: str | None = None, null: bool = False) -> Kind:
    """Allow one of some words."""
    known = tuple(known)
    return Kind(default, f"one of {', '.join(known)}", lambda value: value in known, known, null)


def words(known: Sequence[str], default: Sequence[str], least: int = 0) -> Kind:
    """Allow lists of known words, at least so many."""
    known = tuple(known)

    def fits(value: Any) -> bool:
        listed = isinstance(value, list | tuple) and len(value) >= least
        return listed and all(one in known for one in value)

    some = "a list with at least one of" if least else "a list out of"
    return Kind(list(default), f"{some} {', '.join(known)}", fits, known)


def shares() -> Kind:
    """Allow three shares, of training, validation and test."""

    def fits(value: Any) -> bool:
        listed = isinstance(value, list | tuple) and len(value) == 3
        numbers = listed and all(is_number(one) and one > 0 for one in value)
        return numbers and abs(sum(value) - 1) <= 1e-9

    return Kind(None, "three that sum to 1, each above 0, as in [0.8, 0.1, 0.1]", fits, null=True)


def period() -> Kind:
    """Allow two dates, the first day and the one after the last."""

    def fits(value: Any) -> bool:
        listed = isinstance(value, list | tuple) and len(value) == 2
        dates = [_date(one) for one in value] if listed else [None]
        return None not in dates and dates[0] < dates[1]

    expected = 'two dates as text, the earlier one first, as in ["2014-01-01", "2014-07-01"],'
    return Kind(None, expected, fits, null=True)


def lengths(least: int) -> Kind:
    """Allow two lengths, the shortest and the longest."""

    def fits(value: Any) -> bool:
        listed = isinstance(value, list | tuple) and len(value) == 2
        numbers = listed and all(isinstance(one, int) and one >= least for one in value)
        return numbers and value[0] <= value[1]

    return Kind(None, f"shortest and longest length, at least {least}, as in [3, 9]", fits)


def probabilities() -> Kind:
    """Allow lists of probabilities."""

    def fits(value: Any) -> bool:
        listed = isinstance(value, list | tuple) and len(value) > 0
        return listed and all(is_number(one) and 0 <= one <= 1 for one in value)

    return Kind(None, "a list of numbers between 0 and 1", fits, null=True)


def rate() -> Kind:
    """Allow a probability, or null for the default of the function that takes it."""
    return number(least=0, most=1, null=True)


CUT: Kinds = {
    "by": word(WAYS_TO_CUT, "given"),
    "gap_minutes": number(above=0, null=True),
    "events": whole(1, null=True),
    "last": whole(1, null=True),
}
PREPARE: Kinds = {
    "events": words(EVENTS, EVENTS, least=1),
    "sessions": Group(CUT),
    "order": words((*STEPS, "repeats"), ()),
    "min_item_events": whole(1, 1),
    "min_session_events": whole(1, 1),
    "min_user_sessions": whole(1, 1),
    "repeat": word(("once", "until_stable"), "once"),
    "sample_sessions": whole(1, null=True),
    "period": period(),
    "purchases": words(EVENTS, ("purchase", "cart", "order")),
}
SPLIT: Kinds = {
    "by": word(WAYS_TO_SPLIT, "session"),
    "shares": shares(),
    "targets": word(TARGETS, "all"),
}

RATES: Kinds = {
    "named": probabilities(),
    **{name: rate() for name in ("comparative", "vague", "contrast", "missing", "shared")},
}
CAPTIONS: Kinds = {
    "by": word(("people", "grammar")),
    **{part: whole(1, null=True) for part in ("train", "valid", "test")},
    "rates": Group(RATES),
}
HISTORIES: Kinds = {
    "users": whole(1),
    "lengths": lengths(2),
    "cold": whole(1),
    "drift": number(least=0, most=1, default=0.1),
    "taste": number(above=0, default=2.0),
}
DIALOGUES_PREPARE: Kinds = {
    "items": whole(1, null=True),
    "simulator_share": number(least=0, below=1, default=0.0),
    "captions": Group(CAPTIONS, null=True),
    "histories": Group(HISTORIES, null=True),
}
DIALOGUES_SPLIT: Kinds = {
    "by": word(("item", "user", "released")),
    "shares": shares(),
    "valid": number(above=0, below=1, default=0.15),
}


def check_settings(
    prepare: Mapping[str, Any], split: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill in defaults of a log's settings.

    Raises:
        SettingError: a key is unknown, a value of another kind, or a setting without effect.
    """
    settings = resolve("prepare", prepare, PREPARE)
    way = resolve("split", split, SPLIT)
    for step, name in STEPS.items():
        if settings[name] != PREPARE[name].default and step not in settings["order"]:
            raise SettingError(
                f"prepare.{name} is {_shown(settings[name])} but prepare.order has no step "
                f"{step!r}: it would do nothing. Add the step or drop the setting."
            )
    _check_cut(settings["sessions"])
    _check_shares(way)
    return settings, way


def check_dialogues(
    prepare: Mapping[str, Any], split: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill in defaults of the settings of dialogues.

    Raises:
        SettingError: a key is unknown, a value of another kind, or two settings contradict each other.
    """
    settings = resolve("prepare", prepare, DIALOGUES_PREPARE)
    way = resolve("split", split, DIALOGUES_SPLIT)
    if settings["histories"] and way["by"] != "user":
        raise SettingError("prepare.histories are given, so split.by must be user.")
    if way["by"] != "released" and way["shares"] is None:
        expected = DIALOGUES_SPLIT["shares"].expected
        raise SettingError(
            f"split.shares are missing; expected {expected} for split.by {way['by']}."
        )
    if settings["captions"]:
        _check_captions(settings["captions"])
        rates = settings["captions"]["rates"].items()
        settings["captions"]["rates"] = {key: value for key, value in rates if value is not None}
    return settings, way


def resolve(name: str, given: Any, kinds: Kinds) -> dict[str, Any]:
    """Fill in defaults and check each setting by its kind.

    Args:
        name: of the settings, for messages.
        given: what is set.
        kinds: the kind of each setting.
    """
    if not isinstance(given, Mapping):
        raise SettingError(f"{name} is {_shown(given)}, expected settings by their names.")
    for key in given:
        one_of(name, key, kinds)
    return {key: _resolve_one(f"{name}.{key}", key, given, kind) for key, kind in kinds.items()}


def _resolve_one(name: str, key: str, given: Mapping[str, Any], kind: Kind | Group) -> Any:
    if isinstance(kind, Group):
        if kind.null and given.get(key) is None:
            return None
        return resolve(name, given.get(key, {}), kind.kinds)
    value = given.get(key, kind.default)
    kind.check(name, value)
    return value


def is_number(value: Any) -> bool:
    """Check whether a value is a finite number; true and false are none."""
    whole_number = isinstance(value, int) and not isinstance(value, bool)
    return whole_number or (isinstance(value, float) and math.isfinite(value))


def one_of(name: str, value: Any, known: Iterable[str]) -> None:
    """Stop at an unknown word and suggest the nearest known one."""
    known = list(known)
    if value not in known:
        raise SettingError(f"{name}: unknown {value!r}{nearest(str(value), known)}")


def check_keywords(
    name: str, given: Mapping[str, Any], reader: Callable[..., Any], general: Iterable[str] = ()
) -> None:
    """Stop at a keyword of `reading` that a reader has not.

    Args:
        name: of the settings, for messages.
        given: what is set.
        reader: the function; its first argument is the folder.
        general: keywords that hold for all readers.
    """
    keywords = [*inspect.signature(reader).parameters][1:]
    for key in given:
        one_of(name, key, (*keywords, *general))


def _check_cut(cut: Mapping[str, Any]) -> None:
    for name, by in CUTS.items():
        if cut[name] is not None and cut["by"] != by:
            raise SettingError(
                f"prepare.sessions.{name} does nothing where sessions are cut by {cut['by']}. "
                f"Cut by: {by}, or drop the setting."
            )
        if cut[name] is None and cut["by"] == by:
            expected = CUT[name].expected
            raise SettingError(
                f"prepare.sessions.{name} is missing, expected {expected} where sessions are cut "
                f"by {by}."
            )


def _check_shares(way: Mapping[str, Any]) -> None:
    by_shares = way["by"] in BY_SHARES
    if by_shares and way["shares"] is None:
        expected = SPLIT["shares"].expected
        raise SettingError(
            f"split.shares is missing, expected {expected} for split.by {way['by']}."
        )
    if not by_shares and way["shares"] is not None:
        raise SettingError(
            f"split.shares does nothing where split.by is {way['by']}. "
            f"Split by: {' or '.join(BY_SHARES)}, or drop the setting (shares: null)."
        )


def _check_captions(captions: Mapping[str, Any]) -> None:
    parts = ("train", "valid", "test")
    if captions["by"] == "grammar" and (missing := [part for part in parts if not captions[part]]):
        raise SettingError(
            f"prepare.captions by grammar need a number for train, valid and test; {missing[0]} has "
            "none."
        )


def _date(value: Any) -> datetime | None:
    """Read a date or a moment; without a zone it is UTC, as in `filters.keep_period`."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None)
    except (TypeError, ValueError):
        return None


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, date) else repr(value)
