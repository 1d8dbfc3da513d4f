"""Data sets of one's own in the tables of a study about sequences: under their own name, beside the paper's.

A source whose manifest has `defaults` (see `recloop add-data`) plays as these say, wherever config.yaml or a tier names
it: no filter of the paper's, no printed number.
"""

from collections.abc import Iterable, Mapping

import yaml

from recloop.storage.fingerprint import ROOT


def sources() -> list[str]:
    """List the sources with `defaults`."""
    paths = sorted((ROOT / "sources").glob("*.yaml"))
    return [path.stem for path in paths if entry_of(path.stem)]


def entry_of(name: str) -> dict | None:
    """Return a study's entry for a data set, from a source that brings it along; None for others."""
    path = ROOT / "sources" / f"{name}.yaml"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if "\ndefaults:" not in text:  # most sources have none, and YAML is slow to read
        return None
    return {"source": name, **yaml.safe_load(text)["defaults"]}


def laid_over(
    studies: Mapping[str, dict], tiers: Mapping[str, dict], wanted: Iterable[str]
) -> tuple[dict[str, dict], dict[str, dict]]:
    """Add the data sets of one's own that are wanted, or that a tier names, to studies about sequences.

    Args:
        studies: by name.
        tiers: what the tier says of each.
        wanted: data sets that config.yaml names.

    Returns:
        Studies and tiers; what has no data set of its own is what it was.
    """
    named = {name for study in studies.values() for name in study["datasets"]}
    asked = [name for name in wanted if name not in named]
    new_studies, new_tiers = dict(studies), dict(tiers)
    for study, paper in studies.items():
        if paper["task"] != "sequences":
            continue
        here = tiers[study]
        names = [*asked, *(name for name in here.get("datasets", {}) if name not in named)]
        own = {name: entry for name in dict.fromkeys(names) if (entry := entry_of(name))}
        if own:
            new_studies[study] = with_datasets(paper, own)
            new_tiers[study] = here | {
                "datasets": {name: {} for name in own} | here.get("datasets", {})
            }
    return new_studies, new_tiers


def with_datasets(paper: dict, own: Mapping[str, dict]) -> dict:
    """Add data sets to a paper and to its tables; figures and claims stay about the paper's.

    Tables of several data sets get a block more. Where a paper has a table for each of its data sets, the first of
    these is made for each of one's own as well.
    """
    tables, single = {}, None
    for name, table in paper["tables"].items():
        several = len(table["datasets"]) > 1
        single = single or (None if several else name)
        tables[name] = table | ({"datasets": [*table["datasets"], *own]} if several else {})
    if single:
        for name, entry in own.items():
            caption = f"As {single.replace('_', ' ')}, on {entry['label']}."
            new = {"caption": caption, "source": "ours", "datasets": [name]}
            tables[f"table_{name}"] = paper["tables"][single] | new
    return paper | {"datasets": paper["datasets"] | dict(own), "tables": tables}
