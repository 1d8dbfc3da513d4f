"""One model on one data set, as a study of its own that is written into a folder: `recloop run sasrec mydata`.

The folder holds what the folder of any study holds, so that the workflow makes it like any other; its settings are
those of the study that has the model, and of a tier.
"""

import fnmatch
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import yaml

from recloop.plan import folders, own_data
from recloop.plan.names import placed
from recloop.plan.resolved import PARTS
from recloop.storage.files import write_text
from recloop.storage.fingerprint import digest
from recloop.storage.settings import SettingsError, nearest

NAME = "own"  # of the study, hence of its folder below results/
OTHERS = ("needs", "item_vectors")  # what an entry says of other models


def write_study(
    below: Path, model: str, dataset: str, changes: Mapping[str, str], tier: str, study: str | None
) -> tuple[Path, str]:
    """Write the folder of a study with one model and one data set.

    Args:
        below: where folders of such studies lie.
        model: a key of a study's models, or the import path of a class with `score` and `loss`.
        dataset: a data set of one's own, or of the study that has the model.
        changes: settings that differ, as YAML text, by name (`dim`, `training.epochs`).
        tier: whose budgets hold, and whose data play a paper's data set.
        study: whose settings hold; the first that has the model if None.

    Returns:
        The folder, and the name of the run's model with its changes.

    Raises:
        SettingsError: there is no such model, data set, tier or study.
    """
    base, paper, here = _base(model, dataset, tier, study)
    paper, entry = _with_class(paper, model, changes) if "." in model else (paper, model)
    named = _training(changes) if "." in model else changes
    run = ",".join([entry, *(f"{_bare(key)}={text}" for key, text in named.items())])
    name, source, played = _dataset(paper, here, dataset, base)
    kept = _needed(paper["models"], entry)
    models = {key: paper["models"][key] for key in kept}
    alone = {
        "title": f"{paper['models'][entry].get('label', entry)} on {source['label']}",
        "citation": "None; made by `recloop run`.",
        "task": "sequences",
        "seeds": [1],
        "datasets": {key: paper["datasets"][key] for key in [source.get("like")] if key}
        | {name: source},
        **{key: paper[key] for key in ("training", "inference") if key in paper},
        "evaluation": _evaluation(paper["evaluation"], models),
        "models": models,
        "margins": {},
        "departures": [],
    }
    metrics = [f"{metric}@{k}" for k in paper["evaluation"]["cutoffs"] for metric in ("HR", "NDCG")]
    table = {"caption": alone["title"], "source": "ours", "kind": "grid", "models": [run]}
    tiers = {tier: _tier(here, models) | {"datasets": {name: played}}}
    files = {
        "paper": alone,
        "exhibits": {
            "tables": {"table_run": table | {"datasets": [name], "metrics": metrics}},
            "figures": {},
        },
        "claims": {},
        "tiers": tiers,
    }
    folder = below / digest(files) / NAME
    for file, content in files.items():
        write_text(
            folder / f"{file}.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        )
    write_text(folder / "reported.csv", _header_of(base))
    return folder, run


def _base(model: str, dataset: str, tier: str, study: str | None) -> tuple[Path, dict, dict]:
    """Find the study whose settings hold, with what the tier says of it."""
    known = folders.find_studies([study] if study else "all")
    papers = folders.in_order({name: folders.read_study(path) for name, path in known.items()})
    papers = {name: paper for name, paper in papers.items() if paper["task"] == "sequences"}
    models = {key for paper in papers.values() for key in paper["models"]}
    having = {
        name: paper for name, paper in papers.items() if "." in model or model in paper["models"]
    }
    if not having:
        raise SettingsError(
            f"no study about sequences{f' named {study}' if study else ''} has a model '{model}'"
            f"{nearest(model, sorted(models))}; `recloop list models` shows all; a class of your own is given by its "
            "import path, e.g. mypackage.models.MyRec"
        )
    named = [name for name, paper in having.items() if dataset in paper["datasets"]]
    name = (named or list(having))[0]
    here = folders.tier_of_study(known[name], folders.read_tier(tier))
    return known[name], having[name], folders.with_alike(here, having[name]["datasets"])


def _with_class(paper: dict, model: str, changes: Mapping[str, str]) -> tuple[dict, str]:
    """Add a class of the user's own to the models of a paper."""
    module, _, name = model.rpartition(".")
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as fault:
        raise SettingsError(f"{model}: {module} cannot be imported: {fault}") from None
    if found is None:
        raise SettingsError(
            f"{model}: there is no module {module}. Expected it in this folder, in an installed package or "
            "on PYTHONPATH"
        )
    entry: dict = {"label": name, "class": model}
    for key in sorted(changes.keys() - _training(changes).keys()):
        entry[_bare(key)] = yaml.safe_load(changes[key])
    key = name.lower()
    return paper | {"models": paper["models"] | {key: entry}}, key


def _training(changes: Mapping[str, str]) -> dict[str, str]:
    """Pick the changes of the training; with a class of the user's own, all others are keywords of its constructor."""
    return {key: text for key, text in changes.items() if key.startswith("training.")}


def _bare(key: str) -> str:
    """Take the part off a setting's name: `training.epochs` to `epochs`; that of a component stays."""
    part, _, bare = key.partition(".")
    return bare if bare and part in PARTS else key


def _dataset(paper: dict, here: dict, dataset: str, base: Path) -> tuple[str, dict, dict]:
    """Return a data set's name, its settings in the study, and those in the tier."""
    if dataset in paper["datasets"]:
        played = here.get("datasets", {})
        if dataset not in played:
            why = here.get("absent", {}).get(dataset, "the tier has nothing for it")
            raise SettingsError(f"{dataset}: {why}; name another --tier")
        return dataset, paper["datasets"][dataset], played[dataset]
    if entry := own_data.entry_of(dataset):
        return dataset, entry, {}
    known = [*own_data.sources(), *paper["datasets"]]
    raise SettingsError(
        f"no data set '{dataset}'{nearest(dataset, known)}; `recloop add-data FILE` makes one of a file"
    )


def _needed(models: Mapping[str, dict], name: str) -> list[str]:
    """List a model and those whose weights it needs, however indirectly."""
    found, waiting = [], [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.append(one)
        entry = models[one]
        waiting += [placed(one, "")[0].key for one in flat(entry.get("needs", {}))]
        waiting += [entry["item_vectors"]] if "item_vectors" in entry else []
    return found


def flat(needs: Mapping) -> list[str]:
    """List what a model needs on any data set."""
    parts = [flat(one) if isinstance(one, Mapping) else [one] for one in needs.values()]
    return [name for part in parts for name in part]


def _evaluation(evaluation: dict, models: Mapping[str, dict]) -> dict:
    """Judge as the study does, but train no other model only to measure how alike listed items are."""
    judge = evaluation.get("item_vectors")
    return {
        key: value for key, value in evaluation.items() if key != "item_vectors" or judge in models
    }


def _tier(here: dict, models: Mapping[str, dict]) -> dict:
    """Keep what the tier says of these models and their training."""
    kept = {key: here[key] for key in ("says", "training") if key in here}
    known = {key for entry in models.values() for key in _keywords(entry)}
    every = {key: value for key, value in here.get("every_model", {}).items() if key in known}
    kept |= {"every_model": every} if every else {}
    own = {
        pattern: changes
        for pattern, changes in here.get("models", {}).items()
        if fnmatch.filter(models, pattern)
    }
    return kept | ({"models": own} if own else {})


def _keywords(entry: Mapping) -> set[str]:
    """List the keywords of a model and of its parts."""
    parts = [part for part in entry.values() if isinstance(part, Mapping) and "class" in part]
    return {*entry, *(key for part in parts for key in _keywords(part))}


def _header_of(base: Path) -> str:
    """Return the columns of printed numbers, of which there are none."""
    return (base / "reported.csv").read_text(encoding="utf-8").splitlines()[0] + "\n"
