"""The user's settings as given: config.yaml read strictly, and what the command line says instead."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from recloop.storage.settings import SettingsError, parse, read_yaml

WRITTEN = (".recloop", "data", "results")  # folders that a run writes to


def read_config(config: Mapping[str, Any], files: Iterable[str]) -> dict[str, Any]:
    """Read config files strictly and give the values of the command line their kinds.

    Args:
        config: what Snakemake made of both; it keeps the last of several equal keys, and text for `seeds=[1,2]`.
        files: the config files, the later ones on top.

    Raises:
        SettingsError: a file is no strict YAML.
    """
    written: dict[str, Any] = {}
    for file in files:
        written |= read_yaml(Path(file)) or {}
    return {
        key: written[key] if key in written and written[key] == value else typed(value)
        for key, value in config.items()
    }


def typed(value: Any) -> Any:
    """Read a value of the command line as YAML would: `seeds=[1,2]`, `datasets=null`; other text stays text."""
    if isinstance(value, list):
        return [typed(one) for one in value]
    if not isinstance(value, str) or value == "None":
        return None if value == "None" else value
    try:
        found = parse(value, value)
    except SettingsError:
        return value
    return found if found is None or isinstance(found, bool | int | float) else value


def check_folders(root: Path) -> None:
    """Stop where the folders of a run cannot be written.

    Raises:
        SettingsError: names the folder.
    """
    for name in WRITTEN:
        folder = root / name if (root / name).exists() else root
        if not os.access(folder, os.W_OK):
            raise SettingsError(
                f"{folder} cannot be written; copy the project to a folder of yours, or change its rights"
            )
