"""Published files, of a hub or of a mirror folder of the same layout, as texts or as pairs of preferences."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from recloop.language_models import texts
from recloop.language_models.parts import part_of
from recloop.storage.settings import nearest

if TYPE_CHECKING:
    from datasets import Dataset

KINDS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet", ".txt": "text"}
KINDS_SHOWN = ", ".join(KINDS)
RECORDS = {"fetched.json", "pictures.json"}  # of `fetch`


def make_published(raw: Path, texts_settings: dict, output: Path) -> None:
    """Read published files as texts, or as pairs of preferences, through `load_dataset`.

    Args:
        raw: folder of `fetch`.
        texts_settings: `texts` of the manifest: `columns` by their names here, perhaps `parts`.
        output: folder for texts.arrow, with these columns and `part`, and for corpus.json.

    Raises:
        ValueError: a file of unknown kind, or a column that it lacks.
    """
    from datasets import Dataset

    columns = texts_settings["columns"]
    every = {"all": sorted(path.name for path in raw.iterdir() if kind_of(path.name))}
    found: dict[str, list] = {name: [] for name in (*columns, "part")}
    for part, names in (texts_settings.get("parts") or every).items():
        for name in names:
            rows = load(raw / name, output.with_name(f"{output.name}.part"))
            for here, there in columns.items():
                if there not in rows.column_names:
                    raise ValueError(
                        f"{raw / name}: has no column '{there}'{nearest(there, rows.column_names)}"
                    )
                found[here] += rows[there][:]
            whole = zip(*(rows[there][:] for there in columns.values()), strict=True)
            found["part"] += [part if part != "all" else part_of(repr(row)) for row in whole]
    if not found["part"]:
        raise ValueError(f"{raw}: expected files with {KINDS_SHOWN}, found no row in any")
    texts.save(Dataset.from_dict(found), output, {"texts": texts_settings})


def kind_of(name: str) -> str | None:
    """Return the reader of `datasets` for a file, perhaps a packed one; None for any other file."""
    if name in RECORDS:
        return None
    return KINDS.get(Path(name.removesuffix(".gz").removesuffix(".zst")).suffix)


def load(path: Path, work: Path) -> Dataset:
    """Load one file with a reader that `datasets` has itself; what it keeps aside goes with the folder `work`."""
    from datasets import disable_progress_bars, load_dataset
    from datasets.exceptions import DatasetsError

    kind = kind_of(path.name)
    if kind is None:
        raise ValueError(f"{path}: expected a file with one of {KINDS_SHOWN}")
    disable_progress_bars()
    try:
        files = {"train": str(path)}
        return load_dataset(
            kind, data_files=files, split="train", cache_dir=str(work), keep_in_memory=True
        )
    except (OSError, ValueError, TypeError, DatasetsError) as fault:
        raise ValueError(
            f"{path}: cannot be read as {kind} ({str(fault).splitlines()[0]})"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
