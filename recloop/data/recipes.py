"""What `prepare` and `split` of a data set may say: defaults, kinds, ranges, and what excludes what.

The plan checks every recipe here before the first job, the jobs fill in the defaults here. Names, kinds and ranges are
in workflow/schemas/sequences.schema.yaml and dialogues.schema.yaml.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from recloop.storage.settings import SettingsError, check

PREPARE: dict[str, Any] = {
    "events": ["view", "click", "cart", "purchase", "play", "rating", "order", "follow", "comment"],
    "sessions": {"by": "given", "gap_minutes": None, "events": None, "last": None},
    "order": [],
    "min_item_events": 1,
    "min_session_events": 1,
    "min_user_sessions": 1,
    "repeat": "once",
    "sample_sessions": None,
    "period": None,
    "purchases": ["purchase", "cart", "order"],
}
SPLIT: dict[str, Any] = {"by": "session", "shares": None}
STEPS = {
    "sample": "sample_sessions",
    "period": "period",
    "items": "min_item_events",
    "sessions": "min_session_events",
    "users": "min_user_sessions",
}
CUTS = {"gap_minutes": "gap", "events": "count"}
SHARED = ("session", "time")  # splits that need shares

POSE: dict[str, Any] = {
    "items": None,
    "simulator_share": 0.0,
    "captions": None,
    "histories": None,
}
CAPTIONS: dict[str, Any] = {"by": None, "train": None, "valid": None, "test": None, "rates": {}}
HISTORIES: dict[str, Any] = {
    "users": None,
    "lengths": None,
    "cold": None,
    "drift": 0.1,
    "taste": 2.0,
}
POSE_SPLIT: dict[str, Any] = {"by": None, "shares": None, "valid": 0.15}


def sequences(
    prepare: Mapping[str, Any], split: Mapping[str, Any], where: str = "settings"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill in the defaults of a log's recipe.

    Args:
        prepare: which events are kept and how they become sessions, keys as in `PREPARE`.
        split: how sessions are parted, keys as in `SPLIT`.
        where: the file or place that both come from, for errors.

    Raises:
        SettingsError: an unknown key, a value of another kind or out of range, or a setting without effect.
    """
    check({"prepare": dict(prepare), "split": dict(split)}, "sequences", where)
    settings = {**PREPARE, **prepare}
    settings["sessions"] = {**PREPARE["sessions"], **settings["sessions"]}
    way = {**SPLIT, **split}
    for step, name in STEPS.items():
        if settings[name] != PREPARE[name] and step not in settings["order"]:
            raise SettingsError(
                f"{where}: prepare.{name} is {settings[name]} but prepare.order has no step "
                f"'{step}': it would do nothing. Add the step or drop the setting."
            )
    check_cut(settings["sessions"], where)
    check_period(settings["period"], where)
    check_shares(way, SHARED, where)
    return settings, way


def check_cut(cut: Mapping[str, Any], where: str) -> None:
    """Stop where a way of cutting lacks its number, or has that of another way."""
    for name, by in CUTS.items():
        if cut[name] is not None and cut["by"] != by:
            raise SettingsError(
                f"{where}: prepare.sessions.{name} does nothing where sessions are cut by "
                f"{cut['by']}. Cut by: {by}, or drop the setting."
            )
        if cut[name] is None and cut["by"] == by:
            raise SettingsError(
                f"{where}: prepare.sessions lacks '{name}', which a cut by {by} needs"
            )


def check_period(period: list[str] | None, where: str) -> None:
    """Stop where a period is no pair of ISO dates, the earlier one first."""
    if period is None:
        return
    try:
        start, end = (datetime.fromisoformat(date).replace(tzinfo=None) for date in period)
    except ValueError:
        raise SettingsError(
            f'{where}: prepare.period is {period}, expected two dates such as "2012-06-01"'
        ) from None
    if start >= end:
        raise SettingsError(
            f"{where}: prepare.period is {period}, which is empty. Put the earlier date first."
        )


def check_shares(way: Mapping[str, Any], needed_by: tuple[str, ...], where: str) -> None:
    """Stop where a split lacks its shares, has some without effect, or some that do not sum to 1."""
    by, shares = way["by"], way["shares"]
    if by not in needed_by:
        if shares is not None:
            raise SettingsError(
                f"{where}: split.shares are {shares} and do nothing beside by: {by}. Drop them, or "
                f"split by {' or '.join(needed_by)}."
            )
    elif shares is None or not math.isclose(sum(shares), 1, abs_tol=1e-9):
        raise SettingsError(
            f"{where}: split.shares are {shares}, expected three above 0 that sum to 1, such as "
            "[0.8, 0.1, 0.1]"
        )


def dialogues(
    prepare: Mapping[str, Any], split: Mapping[str, Any], where: str = "settings"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill in the defaults of a catalogue's recipe.

    Args:
        prepare: items, captions and histories, keys as in `POSE`.
        split: how items or users are parted, keys as in `POSE_SPLIT`.
        where: the file or place that both come from, for errors.

    Raises:
        SettingsError: as for `sequences`.
    """
    check({"prepare": dict(prepare), "split": dict(split)}, "dialogues", where)
    settings, way = {**POSE, **prepare}, {**POSE_SPLIT, **split}
    if way["by"] is None:
        raise SettingsError(f"{where}: split lacks 'by'; allowed: item, user, released")
    if settings["captions"]:
        settings["captions"] = check_captions({**CAPTIONS, **settings["captions"]}, where)
    if settings["histories"]:
        settings["histories"] = check_histories({**HISTORIES, **settings["histories"]}, where)
        if way["by"] != "user":
            raise SettingsError(
                f"{where}: prepare.histories are given, so split.by must be user, not {way['by']}"
            )
    check_shares(way, ("item", "user"), where)
    if "valid" in split and way["by"] != "released":
        raise SettingsError(
            f"{where}: split.valid is {way['valid']} and does nothing beside by: {way['by']}. Drop it."
        )
    return settings, way


def check_captions(captions: dict[str, Any], where: str) -> dict[str, Any]:
    """Stop where the grammar is not told how many captions to compose."""
    for part in ("train", "valid", "test"):
        if captions["by"] == "grammar" and captions[part] is None:
            raise SettingsError(
                f"{where}: prepare.captions by grammar need a number for train, valid and test; "
                f"'{part}' has none"
            )
    if captions["by"] == "people" and captions["rates"]:
        raise SettingsError(f"{where}: prepare.captions.rates do nothing for captions by people")
    return captions


def check_histories(histories: dict[str, Any], where: str) -> dict[str, Any]:
    """Stop where simulated users lack a number, or the shortest sequence is longer than the longest."""
    for name, value in histories.items():
        if value is None:
            raise SettingsError(f"{where}: prepare.histories lacks '{name}'")
    shortest, longest = histories["lengths"]
    if shortest > longest:
        raise SettingsError(
            f"{where}: prepare.histories.lengths are {histories['lengths']}. Put the shorter one first."
        )
    return histories
