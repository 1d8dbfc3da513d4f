"""Amazon shoes and dresses with the purchases of users, as released with PMMIR.

Wu, Macdonald, Ounis. Personalised Multi-Modal Interactive Recommendation with Hierarchical State Representations.
TORS 2024. Names and pictures are Amazon's: McAuley et al. SIGIR 2015; Ni, Li, McAuley. EMNLP 2019.
"""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from recloop.data.catalogues import ATTRIBUTES, ITEMS, SEQUENCES, Catalogue
from recloop.data.entries import lacks_text, part, read_json
from recloop.data.pictures import read_pictures

NAMES, PURCHASES = "docnos.json", "u_i_seq.json"
NAME = re.compile(r"^[A-Z0-9]{10}$")
SEED, TRAIN = 42, 0.8  # released code: the split is drawn anew in every run, always from this seed


def read_catalogue(raw: Path, kind: str, max_malformed: float = 0.01) -> Catalogue:
    """Read items in the released order, and each user's purchases with the target last.

    Args:
        raw: folder of `docnos.json`, `u_i_seq.json` and the pictures.
        kind: what all items are, e.g. `Shoes`; nothing else about them is released.
        max_malformed: largest tolerated share of malformed entries of a file.
    """
    names, names_aside = _names(raw, max_malformed)
    users, users_aside = part(
        read_json(raw / PURCHASES), raw / PURCHASES, _fault_of_user(set(names)), max_malformed
    )
    items = [{"name": name, "title": "", "kind": kind, "part": None} for name in names]
    attributes = [{"name": name, "attribute": "kind", "value": kind.lower()} for name in names]
    return Catalogue(
        items=pl.DataFrame(items, schema=ITEMS),
        pictures=read_pictures(raw),
        attributes=pl.DataFrame(attributes, schema=ATTRIBUTES),
        sequences=_sequences(users),
        malformed=pl.concat([names_aside, users_aside]),
    )


def picture_names(raw: Path, **_: Any) -> list[str]:
    """List the pictures that the catalogue needs."""
    return _names(raw, 1.0)[0]


def _names(raw: Path, max_malformed: float) -> tuple[list[str], pl.DataFrame]:
    names, aside = part(
        read_json(raw / NAMES),
        raw / NAMES,
        lambda name: None if isinstance(name, str) and NAME.match(name) else "is no item",
        max_malformed,
    )
    return list(dict.fromkeys(names)), aside


def _fault_of_user(known: set[str]) -> Any:
    def fault_of(entry: Any) -> str | None:
        fault = lacks_text(entry, "customer_id", "item_target")
        if fault is not None:
            return fault
        bought = entry.get("item_log")
        if not isinstance(bought, list) or not bought:
            return "has no purchases before the target"
        unknown = {entry["item_target"], *map(str, bought)} - known
        return f"names the unknown item {sorted(unknown)[0]}" if unknown else None

    return fault_of


def _sequences(users: list[dict[str, Any]]) -> pl.DataFrame:
    train = set(Random(SEED).sample(range(len(users)), int(len(users) * TRAIN)))
    rows = [
        # Numbered, so that a customer who occurs twice is two users.
        {
            "user": f"{number:06d}-{entry['customer_id']}",
            "position": position,
            "item": item,
            "part": "train" if number in train else "test",
        }
        for number, entry in enumerate(users)
        for position, item in enumerate([*entry["item_log"], entry["item_target"]])
    ]
    return pl.DataFrame(rows, schema=SEQUENCES)
