"""What `prepare` and `split` of texts may hold: of pairs of preferences, and of texts whose reading was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recloop.data.settings import (
    Kind,
    Kinds,
    SettingError,
    number,
    resolve,
    shares,
    whole,
    word,
)

NAMES = Kind(
    {},
    "data sets by those in whose place they stand",
    lambda value: (
        isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())
    ),
)
PREPARE: Kinds = {
    "kind": word(("pairs", "readings"), "pairs"),
    "max_characters": whole(1, null=True),
    "pairs": whole(1, null=True),
    "instead": NAMES,
}
SPLIT: Kinds = {
    "by": word(("text", "given"), "text"),
    "shares": shares(),
    "valid": number(above=0, below=1, default=0.15),
}


def check_settings(
    prepare: Mapping[str, Any], split: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fill in defaults.

    Raises:
        SettingError: a key is unknown, a value of another kind, or a setting without effect.
    """
    settings, way = resolve("prepare", prepare, PREPARE), resolve("split", split, SPLIT)
    if way["by"] == "text" and way["shares"] is None:
        expected = SPLIT["shares"].expected
        raise SettingError(f"split.shares are missing; expected {expected} for split.by text.")
    if settings["kind"] == "readings" and (settings["pairs"] or settings["instead"]):
        raise SettingError("prepare.pairs and prepare.instead are for pairs; readings have none.")
    return settings, way
