"""Rule `make_corpus`: what items are called and what people said of them, as sentences in a data set."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.language_models import texts
from recloop.language_models.interactions import make_interactions
from recloop.language_models.parts import part_of
from recloop.language_models.published_texts import make_published
from recloop.language_models.told_titles import make_told_titles

LABELS = {"title": "Title", "kind": "Kind", "brand": "Brand", "category": "Category"}


def make_corpus(
    output: Path,
    items: Path | None = None,
    raw: Path | None = None,
    published: dict | None = None,
    sessions: Path | None = None,
    tables: Path | None = None,
    template: str | None = None,
    told: dict | None = None,
    prompts: dict | None = None,
) -> None:
    """Write the texts of a catalogue or of tidy tables, those of published files, titles as told, or ratings.

    Args:
        output: folder for texts.arrow and corpus.json.
        items: folder of `build_catalogue` or of `read`.
        raw: folder of `fetch`, if the files themselves are texts.
        published: `texts` of their manifest.
        sessions, tables: folders of `split` and `read`, if interactions are told.
        template: how an interaction is told.
        told, prompts: how the titles of tidy tables are told, if nothing else of them is wanted.

    Raises:
        ValueError: neither folder, or no text in it.
    """
    if items and told and prompts:
        make_told_titles(items, told, prompts, output)
    elif items:
        make_item_texts(items, output)
    elif raw and published:
        make_published(raw, published, output)
    elif sessions and tables and template:
        make_interactions(sessions, tables, template, output)
    else:
        raise ValueError(
            "expected `items`, `raw` with `published`, or `sessions` with `tables` and `template`, got none of them"
        )


def make_item_texts(items: Path, output: Path) -> None:
    """Write what items are called and what people said of them; what users did is not among them.

    Args:
        items: folder of `build_catalogue` or of `read`.
        output: folder for texts.arrow, with the columns `text`, `item` (-1 for what people said) and `part`, and for
            corpus.json.

    Raises:
        ValueError: no item has any text.
    """
    from datasets import Dataset

    described = describe(items)
    rows = [(item, text) for item, text in enumerate(described) if text]
    rows += [(-1, text) for text in captions(items)]
    if not rows:
        raise ValueError(
            f"{items}: expected items with titles, attributes or captions, found no text; take another source"
        )
    numbers, sentences = map(list, zip(*rows, strict=True))
    columns = {"text": sentences, "item": numbers, "part": [part_of(text) for text in sentences]}
    record = {
        "items": len(described),
        "with_text": len({number for number in numbers if number >= 0}),
    }
    texts.save(Dataset.from_dict(columns), output, record)


def describe(items: Path) -> list[str]:
    """Write what is known of each item, in item order; empty where it is nothing."""
    table = pl.read_parquet(items / "items.parquet")
    named = {name: label for name, label in LABELS.items() if name in table.columns}
    attributes = attributes_of(items, table)
    found = []
    for row, more in zip(table.select(list(named)).iter_rows(), attributes, strict=True):
        known = zip(named.values(), row, strict=True)
        parts = [f"{label}: {value}." for label, value in known if value]
        found.append(" ".join([*parts, *more]))
    return found


def attributes_of(items: Path, table: pl.DataFrame) -> list[list[str]]:
    """List the attributes of each item as short sentences."""
    if "attributes" in table.columns:
        listed = table["attributes"].to_list()
        return [[f"Attributes: {', '.join(one)}."] if one else [] for one in listed]
    found: list[list[str]] = [[] for _ in range(table.height)]
    if (items / "attributes.parquet").exists():
        rows = pl.read_parquet(items / "attributes.parquet").sort("item", "attribute", "value")
        for item, attribute, value in rows.select("item", "attribute", "value").iter_rows():
            found[item].append(f"{attribute.capitalize()}: {value}.")
    return found


def captions(items: Path) -> list[str]:
    """List what people said about items, each sentence once."""
    path = items / "captions.parquet"
    if not path.exists():
        return []
    return (
        pl.read_parquet(path, columns=["caption"])["caption"].unique(maintain_order=True).to_list()
    )
