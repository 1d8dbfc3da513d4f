"""Rule `make_contents`: titles and pictures of the items of a split, numbered as the split numbers them."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.pictures import FOLDER, picked, read_pictures, spooled, write_shards
from recloop.storage.files import write_json, writing

TABLE, RECORD = "contents.parquet", "contents.json"
SCHEMA = {"item": pl.Int32, "id": pl.String, "title": pl.String, "picture": pl.Int32}
ABSENT = -1  # in the place of the row of a picture


def make_contents(
    sessions: Path,
    raw: Path,
    output: Path,
    captioner: Path | None = None,
    settings: dict | None = None,
) -> None:
    """Collect what is known of each item: a title, a picture, both or neither.

    Args:
        sessions: folder of a split, whose items.parquet has the titles.
        raw: folder of the source's raw files, with pictures in archives or in `images`, or with none.
        output: folder for contents.parquet (`item`, `id`, `title` or null, `picture`: row in the shards, -1 for none),
            `images/` and contents.json.
        captioner: folder of a network of ours; what it says of the pictures then stands in the place of the titles.
        settings: of that network, as `open_network` takes them.

    Raises:
        ValueError: no item has a title or a picture.
    """
    items = pl.read_parquet(sessions / "items.parquet", columns=["item", "id", "title"]).sort(
        "item"
    )
    title = pl.col("title").str.strip_chars()
    items = items.with_columns(pl.when(title.str.len_chars() > 0).then(title).alias("title"))
    with writing(output), tempfile.TemporaryFile() as spool:
        output.mkdir(parents=True, exist_ok=True)
        places, damaged = spooled(read_pictures(raw), set(items["id"]), spool)
        row, table = -1, []
        for item, name, text in items.iter_rows():
            row += name in places
            table.append((item, name, text, row if name in places else ABSENT))
        found = pl.DataFrame(table, schema=SCHEMA, orient="row")
        if captioner:
            found = captioned(found, spool, places, captioner, settings or {})
        counts = counted(found, sessions)
        content = hashlib.sha256(found.write_csv().encode())
        shown = [places[name] for name in found["id"] if name in places]
        pictures = picked(spool, shown, content)
        if shown:
            write_shards(pictures, output / FOLDER)
        found.write_parquet(output / TABLE)
        write_json(
            output / RECORD,
            {"hash": content.hexdigest(), **counts, "damaged": dict(sorted(damaged.items()))},
        )
    print(", ".join(f"{number:,} {what}" for what, number in counts.items()))


def captioned(
    found: pl.DataFrame,
    spool: Any,
    places: dict[str, tuple[int, int]],
    captioner: Path,
    settings: dict,
) -> pl.DataFrame:
    """Put what a network says of the pictures in the place of the titles; an item without a picture has no title."""
    import torch

    from recloop.contents.captions import captions
    from recloop.contents.opening import open_network

    network = open_network(settings, captioner)
    shown = [name for name in found["id"] if name in places]
    files = picked(spool, [places[name] for name in shown], hashlib.sha256())
    said = captions(network, captioner, torch.stack([network.prepare(file) for file in files]))
    titles = dict(zip(shown, said, strict=True))
    told = [titles.get(name) for name in found["id"]]
    return found.with_columns(pl.Series("title", told, dtype=pl.String))


def counted(found: pl.DataFrame, sessions: Path) -> dict[str, int]:
    """Count what items have."""
    titled, pictured = pl.col("title").is_not_null(), pl.col("picture") != ABSENT
    counts = found.select(
        items=pl.len(),
        titles=titled.sum(),
        pictures=pictured.sum(),
        neither=(~titled & ~pictured).sum(),
    ).row(0, named=True)
    if counts["neither"] == counts["items"]:
        raise ValueError(
            f"{sessions}: none of its {counts['items']} items has a title or a picture; take a source that has them, "
            "or put the pictures into the folder images of its raw files"
        )
    return counts
