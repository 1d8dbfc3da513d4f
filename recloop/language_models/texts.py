"""Texts as `datasets.Dataset`: Arrow files that are mapped into memory, with our keys for fingerprints."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recloop.storage.files import replacing, sha256_of, write_json
from recloop.storage.fingerprint import digest
from recloop.storage.settings import only_known

if TYPE_CHECKING:
    from datasets import Dataset

    from recloop.language_models.prompts import Prompt

TABLE, RECORD = "texts.arrow", "corpus.json"


def save(rows: Dataset, folder: Path, record: dict) -> None:
    """Write a data set as one Arrow file and, when it is whole, its record.

    Args:
        rows: in their order.
        folder: made if it is not there.
        record: joined by `rows` and `key`, the hash of the record and of the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / TABLE) as draft:
        write_table(rows, draft)
        key = digest(record, sha256_of(draft))
    write_json(folder / RECORD, record | {"rows": len(rows), "key": key})


def write_table(rows: Dataset, path: Path) -> None:
    """Write rows in the stream format that `Dataset.from_file` maps."""
    import pyarrow as pa

    table = rows.with_format("arrow")[:]
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table, max_chunksize=1000)


def read(folder: Path) -> Dataset:
    """Map the data set of a folder into memory; its fingerprint is the key of its record.

    Raises:
        ValueError: no whole data set is there.
    """
    record = read_record(folder)
    found = opened(folder / TABLE, record["key"])
    if len(found) != record["rows"]:
        raise ValueError(
            f"{folder / TABLE}: expected {record['rows']} rows, found {len(found)}; remove {folder} and make it again"
        )
    return found


def opened(path: Path, key: str) -> Dataset:
    """Map an Arrow file into memory, under a fingerprint of our own."""
    from datasets import Dataset
    from datasets.table import MemoryMappedTable

    return Dataset(MemoryMappedTable.from_file(str(path)), fingerprint=key)


def read_record(folder: Path) -> dict:
    """Read the record beside a data set."""
    if not (folder / RECORD).exists():
        raise ValueError(f"{folder / RECORD}: missing; run the rule `make_corpus`")
    return json.loads((folder / RECORD).read_text())


def mapped(rows: Dataset, function: Callable, made_of: object, folder: Path) -> Dataset:
    """Map a function over batches of rows, once: the result lies in a file under a key of our own.

    Neither is code pickled for a fingerprint nor anything kept outside the folder.

    Args:
        rows: with a fingerprint of ours.
        function: from columns to columns.
        made_of: JSON-like, all that decides what the function does.
        folder: for the result.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = digest(rows._fingerprint, made_of)
    place = folder / f"{key}.arrow"
    if not place.exists():
        from datasets import disable_progress_bars

        disable_progress_bars()
        draft = place.with_name(f"{key}.{os.getpid()}.part")
        rows.map(
            function,
            batched=True,
            remove_columns=rows.column_names,
            new_fingerprint=key,
            cache_file_name=str(draft),
            load_from_cache_file=False,
        )
        draft.replace(place)
    return opened(place, key)


def prompted(rows: Dataset, prompt: Prompt, folder: Path) -> Dataset:
    """Fill a prompt with each row: one column, `prompt`.

    Args:
        rows: with a column for each field of the prompt, and a fingerprint of ours.
        prompt: of a study.
        folder: for the result.

    Raises:
        SettingsError: a field that is no column.
    """
    only_known(f"{prompt.name}: field", prompt.fields, rows.column_names)

    def fill(batch: Mapping) -> dict:
        columns = [batch[name] for name in prompt.fields]
        filled = (
            prompt.fill(**dict(zip(prompt.fields, row, strict=True)))
            for row in zip(*columns, strict=True)
        )
        return {"prompt": list(filled)}

    return mapped(rows, fill, {"template": prompt.template}, folder)


def pairs(prompts: list[str], chosen: list[str], rejected: list[str]) -> Dataset:
    """Put preferences into a data set: what was asked, the better answer and the worse one.

    Raises:
        ValueError: columns of other lengths, or a pair of equal answers.
    """
    from datasets import Dataset

    if not len(prompts) == len(chosen) == len(rejected):
        raise ValueError(
            f"expected as many answers as prompts, got {len(prompts)} prompts, {len(chosen)} chosen and "
            f"{len(rejected)} rejected"
        )
    for place, (better, worse) in enumerate(zip(chosen, rejected, strict=True)):
        if better == worse:
            raise ValueError(f"pair {place}: expected two different answers, got {better!r} twice")
    columns = {"prompt": prompts, "chosen": chosen, "rejected": rejected}
    return Dataset.from_dict(columns)
