"""What published audits of this field ask of a study, each answered from what was saved and not from prose.

The questions are those that reproducibility audits of recommender systems share: data, preprocessing, split, leaks,
negative samples, metrics, tuning, selection, seeds, tests, language models, code, hardware.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recloop.report import labels
from recloop.report.cost import machine
from recloop.report.evidence import Evidence, read_run
from recloop.report.language_models import published
from recloop.report.outline import Grid, Part

HEAD = ("asked", "answer", "read from")
TEXT = "Every answer is computed from the files that are named beside it; a link leads to the first of them."
TESTED = "the tables' CSV"
TOLD = "preferences.json"
NOT_DECODED = "nothing is said by one: no setting of it in any run"


def section(evidence: Evidence, runs: list[dict], output: Path) -> list[Part]:
    """Answer the questions; nothing where no run is recorded.

    Args:
        evidence: of the page.
        runs: run.json of every training.
        output: the folder of the page.
    """
    done = [run for run in runs if not run.get("not_run")]
    if not done:
        return []
    trained = [*of_training(done), *at_once(evidence)]
    rows = [*of_data(evidence), *trained, *of_evaluation(evidence)]
    rows += [*of_language(evidence), *of_decoding(evidence, done), *of_machines(done)]
    found = places(evidence, output)
    return [TEXT, Grid(HEAD, [[*row[:2], linked(row[2], found)] for row in rows])]


def places(evidence: Evidence, output: Path) -> dict[str, str]:
    """Find the first of each kind of file that answers are read from, by the name that stands beside an answer."""
    found = {}
    trained = [path for path in evidence.runs if not read_run(path).get("not_run")]
    if trained:
        found |= {"run.json": trained[0], "curve.csv": trained[0].with_name("curve.csv")}
    if splits := [split for name in evidence.study["datasets"] if (split := evidence.split(name))]:
        found["split.json"] = splits[0]["folder"] / "split.json"
    if tested := compared(evidence):
        found[TESTED] = output / f"{tested[0]}.csv"
    found |= {path.name: path for path in told(evidence)[:1]}
    return {
        name: quote(os.path.relpath(path, output), safe="/,=+")
        for name, path in found.items()
        if path.exists()
    }


def linked(read_from: str, found: Mapping[str, str]) -> str:
    """Let the names of files lead to them."""
    for name, place in found.items():
        read_from = read_from.replace(name, f"[{name}]({place})", 1)
    return read_from


def of_data(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Say which data were used, how they were filtered and split, and what was checked."""
    names = [name for name in evidence.study["datasets"] if evidence.source(name)]
    splits = {name: evidence.split(name) for name in names if evidence.split(name)}
    if not splits:
        return

    def each(answer) -> str:
        return "; ".join(
            f"{labels.dataset(evidence.study, name)}: {answer(split)}"
            for name, split in splits.items()
        )

    yield "data and version", each(lambda split: f"`{split['hash'][:12]}`"), "split.json, its hash"
    if any("steps" in split for split in splits.values()):
        yield "filters, in order", each(steps), "split.json, what each step kept"
    if any("split" in split for split in splits.values()):
        yield "split", each(way), "split.json"
    if any("leakage" in split for split in splits.values()):
        yield "leaks", each(leaks), "split.json, checked when it was made"


def steps(split: Mapping) -> str:
    """Name the steps of preparation with what they left."""
    known = split.get("steps", [])
    return " → ".join(f"{one['step']} {one['interactions']:,}" for one in known) or "–"


def way(split: Mapping) -> str:
    """Say how a data set was parted."""
    asked = split.get("split", {})
    shares = asked.get("shares")
    parts = f" {', '.join(f'{share:g}' for share in shares)}" if shares else ""
    seed = f", seed {split['seed']}" if "seed" in split else ""
    return f"{asked.get('by', '–')}{parts}{seed}".replace("_", " ")


def leaks(split: Mapping) -> str:
    """Say which share of the sessions of the test part stand in the training part too."""
    share = split.get("leakage", {}).get("identical_test_in_train")
    return "–" if share is None else f"{100 * share:.1f}% of test sessions equal one in training"


def of_training(runs: list[dict]) -> Iterator[tuple[str, str, str]]:
    """Say how rows were tuned and selected, with which negatives, and how often."""
    learned = [run for run in runs if run.get("valid_ndcg10") is not None]
    if learned:
        grids = {rates for run in learned for rates in grid(run)}
        yield "search space", many("learning rates", map(listed, grids)), "run.json, `settings`"
        trials = {max(map(len, grid(run)), default=1) for run in learned}
        said = f"{span(trials)} of a learning rate for each row"
        equal = "the same for all" if len(trials) == 1 else "not the same for all"
        yield "trials in tuning", f"{said}, {equal}", "run.json, `settings` and `tuning`"
        epochs = span({round(run["epochs_run"]) for run in learned})
        on_test = [run for run in learned if "test" in named(run["settings"], "chosen_on")]
        said = f"the best validation of each of {len(learned) - len(on_test)} trainings of {epochs} epochs"
        warming = [run for run in learned if run.get("head_start")]
        said += f"; of {len(warming)} after their warm-up" if warming else ""
        said += f"; {len(on_test)} of a twin on the test part" if on_test else ""
        yield "selection", said, "run.json, `best_epoch` and `settings`; curve.csv"
    if settled := choices(runs):
        yield "settings chosen on validation", "; ".join(settled), "run.json, `tuning`"
    drawn = sorted({str(found) for run in learned for found in named(run["settings"], "negatives")})
    if drawn:
        yield (
            "negatives in training",
            f"all items, or drawn: {', '.join(drawn)}",
            "run.json, `settings`",
        )
    asked = (one for run in runs for one in named(run.get("settings"), "prompts"))
    named_texts = (one.items() for one in asked if isinstance(one, Mapping))
    templates = {name for one in named_texts for name, text in one if isinstance(text, str)}
    if templates:
        said = f"{len(templates)} templates: {', '.join(sorted(templates))}"
        yield "prompts", said, "run.json, `settings`, where `prompts` has them word by word"
    seeds = sorted({run["seed"] for run in runs})
    yield "seeds", f"{listed(seeds)}; {len(runs)} runs", "run.json"


def at_once(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Name the trainings that were never better than at the first of several validations.

    It decides nothing: so is a control that has nothing to learn but what is popular, and a model that starts from
    much; and so is one that stopped before it had learned anything.
    """
    several = [(run, scores) for run, scores in evidence.validated if len(scores) > 1]
    first = [run for run, scores in several if scores[0] == max(scores)]
    names = (
        f"{labels.model(evidence.study, run['model'])} on {labels.dataset(evidence.study, run['dataset'])}"
        for run in first
    )
    if first:
        said = f"{len(first)} of {len(several)} trainings: {'; '.join(sorted(set(names)))}"
        yield "best at the first validation", said, "curve.csv"


def choices(runs: list[dict]) -> list[str]:
    """Say of every model which value of a setting each of its trainings took, and among which."""
    found: dict[tuple, list[float]] = {}
    for run in runs:
        for setting, value in (run.get("chosen") or {}).items():
            tried = tuple(row[setting] for row in run["tuning"])
            found.setdefault((run["model"], setting, tried), []).append(value)
    return [
        f"{model}: {setting} {listed(values)} of {listed(tried)}"
        for (model, setting, tried), values in sorted(found.items())
    ]


def grid(run: Mapping) -> list[tuple]:
    """List the learning rates among which a training chose, for each of its stages."""
    rates = run["settings"]["training"].get("learning_rate", [])
    stages = rates.values() if isinstance(rates, Mapping) else [rates]
    return [tuple(one) if isinstance(one, list) else (one,) for one in stages]


def named(settings: Any, key: str) -> Iterator[Any]:
    """Find the values of a keyword anywhere in nested settings."""
    yield from (one[key] for one in holding(settings, key))


def holding(settings: Any, key: str) -> Iterator[Mapping]:
    """Find the settings that give a keyword a value, anywhere in nested ones."""
    if isinstance(settings, Mapping):
        if settings.get(key):
            yield settings
        for value in settings.values():
            yield from holding(value, key)


def of_evaluation(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Say what is ranked, how much of it, and by which tests rows are compared."""
    evaluation = evidence.study["evaluation"]
    if "cutoffs" in evaluation:
        cutoffs = listed(evaluation["cutoffs"])
        said = f"all items of the catalogue, none sampled; lists cut at {cutoffs}"
        yield (
            "candidates and metrics",
            said,
            "paper.yaml, `evaluation`; lists.parquet has every rank",
        )
    if tested := compared(evidence):
        said = f"paired, with Holm's correction over the table, in {len(tested)} tables"
        yield "tests", said, f"{TESTED}, `p` and `p_holm`"


def compared(evidence: Evidence) -> list[str]:
    """Name the tables whose rows are tested against another."""
    return [
        name
        for name, entry in evidence.study["tables"].items()
        if any("reference" in part for part in (entry, *entry.get("panels", [])))
    ]


def of_language(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Say which versions of language models read and spoke; one of ours has the hash of its making in its name."""
    used = evidence.tier.get("language_models") or {}
    if used:
        said = "; ".join(f"{one['label']}: {version(one)}" for _, one in sorted(used.items()))
        yield "language models, versions", said, "[Language models](#language-models); model.json"


def version(model: Mapping) -> str:
    """Write which language model it is, to the commit."""
    place = model["place"]
    return f"ours, `{Path(place).name}`" if place else published(model["settings"])


def of_decoding(evidence: Evidence, runs: list[dict]) -> Iterator[tuple[str, str, str]]:
    """Say how often language models were asked for a table beforehand, and how answers were made of what they hold."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in told(evidence)]
    for record in records:
        said = f"{record['prompts']:,} of one template, for {record['users']:,} users"
        yield "prompts, asked beforehand", said, f"{TOLD}, `prompts`"
    ways = [weighed(record["judge"]) for record in records]
    where = [f"{TOLD}, `judge`"] if ways else []
    found = list(decoded(run["settings"] for run in runs if "settings" in run))
    where += ["run.json, `settings`"] if found or not ways else []
    if evidence.tier.get("language_models"):
        said = "; ".join(dict.fromkeys([*ways, *found])) or NOT_DECODED
        yield "language models, decoding", said, "; ".join(where)


def told(evidence: Evidence) -> list[Path]:
    """List the records of what language models told beforehand."""
    used = evidence.tier.get("language_models") or {}
    paths = [Path(model["told"]) for _, model in sorted(used.items()) if model.get("told")]
    return [path for path in paths if path.exists()]


def weighed(judge: Mapping) -> str:
    """Say how the letter of an answer was found; what is left out is as `recloop.simulators.telling` has it."""
    weighs = judge.get("weighed", True)
    said = "the letter of each candidate weighed, none said" if weighs else "a letter said"
    return said + (", in the chat template" if judge.get("chat") else "")


def decoded(settings: Iterable[Mapping]) -> Iterator[str]:
    """Say how runs decode: texts of bounded length, or one of some labels."""
    for one in settings:
        for asked in holding(one, "max_tokens"):
            warm = asked.get("temperature")
            how = f"drawn at temperature {warm:g}" if warm else "the likeliest token each time"
            yield f"{how}, at most {asked['max_tokens']} tokens"
        for asked in holding(one, "labels"):
            if isinstance(asked["labels"], list):
                yield f"the likeliest of {', '.join(asked['labels'])}"


def of_machines(runs: list[dict]) -> Iterator[tuple[str, str, str]]:
    """Say with which code and on what machine the runs were made."""
    keys = len({run["key"] for run in runs if "key" in run})
    yield "code", f"its hash is part of the key of each of {keys} trainings", "run.json, `key`"
    yield "hardware", "; ".join(sorted(set(map(machine, runs)))), "run.json"


def span(values: Iterable[int]) -> str:
    """Write the range of some numbers."""
    known = sorted(values)
    return str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"


def listed(values: Iterable) -> str:
    """Write some values in a line."""
    return ", ".join(f"{value:g}" for value in values)


def many(what: str, texts: Iterable[str]) -> str:
    """Write several lists of values, each once."""
    return f"{what} {'; or '.join(sorted(texts))}"
