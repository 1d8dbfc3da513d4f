"""What published audits of this field ask of a study, each answered from what was saved and not from prose.

The questions are those that reproducibility audits of recommender systems share: data, preprocessing, split, leaks,
negative samples, metrics, tuning, selection, seeds, tests, code, hardware.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recloop.report import labels
from recloop.report.cost import machine
from recloop.report.evidence import Evidence
from recloop.report.outline import Grid, Part

HEAD = ("asked", "answer", "read from")
TEXT = "Every answer is computed from the file that is named beside it."


def section(evidence: Evidence, runs: list[dict]) -> list[Part]:
    """Answer the questions; nothing where no run is recorded.

    Args:
        evidence: of the page.
        runs: run.json of every training.
    """
    done = [run for run in runs if not run.get("not_run")]
    if not done:
        return []
    trained = [*of_training(done), *at_once(evidence)]
    rows = [*of_data(evidence), *trained, *of_evaluation(evidence), *of_machines(done)]
    return [TEXT, Grid(HEAD, [list(row) for row in rows])]


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
    if isinstance(settings, Mapping):
        if settings.get(key):
            yield settings[key]
        for value in settings.values():
            yield from named(value, key)


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
    tested = [
        name
        for name, entry in evidence.study["tables"].items()
        if any("reference" in part for part in (entry, *entry.get("panels", [])))
    ]
    if tested:
        said = f"paired, with Holm's correction over the table, in {len(tested)} tables"
        yield "tests", said, "the tables' CSV, `p` and `p_holm`"


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
