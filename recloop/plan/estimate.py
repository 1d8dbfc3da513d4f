"""What a run will take before it is started, and how far off that was afterwards.

Seconds are processor seconds. They come from `.recloop/work.tsv`, where every job notes what its work took, and for
trainings from the nearest ones on record: of the same model and data, of the data, of the study. Where nothing is on
record they are those of the tier quick on a machine of `REFERENCE`, scaled by a product of two matrices here: for
larger tiers a lower bound, and said to be one.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recloop.plan import Plan
from recloop.plan.artifacts import Artifact
from recloop.plan.batches import tasks_of, written
from recloop.plan.stamp import is_current
from recloop.plan.studies import Run
from recloop.storage.files import write_json
from recloop.storage.timing import LOG

RULES = {  # that make what lies below data/
    **{"raw": "fetch", "tables": "read", "sessions": "split", "catalogues": "build_catalogue"},
    **{"dialogues": "make_dialogues", "pairs": "make_pairs", "readings": "make_readings"},
    **{"encoders": "pretrain", "features": "encode", "corpora": "make_corpus"},
    **{"language_models": "pretrain_language_model", "states": "write_states"},
    **{"gaze": "write_gaze", "item_tokens": "learn_item_tokens", "contents": "make_contents"},
    **{"networks": "learn_network", "levels": "write_levels", "simulators": "train_simulator"},
    **{"preferences": "tell_preferences", "user_models": "train_user_model"},
    **{"feedback": "write_feedback", "experience": "collect"},
}
REFERENCE = 99e9  # operations in a second of one processor, of the machine below
TYPICAL = {  # seconds of the tier quick: benchmarks/README.md, the run at c82600b
    **{"train": 1.4, "rank": 0.1, "evaluate": 0.02, "encode": 0.5, "evaluate_simulator": 0.5},
    **{
        "pretrain": 10.0,
        "pretrain_language_model": 11.0,
        "learn_network": 5.3,
        "learn_item_tokens": 6.7,
    },
    **{"train_simulator": 2.1, "tell_preferences": 3.9, "write_feedback": 2.9, "write_states": 1.1},
    **{"table": 0.2, "figure": 0.7, "dialogues": 0.6, "claims": 0.6, "page": 0.3, "front": 1.8},
}
OTHER = 0.2  # seconds of what is not there: data
PLACES = {"weights": "results/*/runs/*/*/*", "lists": "results/*/scores/*/*/*"}
MEMORY = Path(".recloop/estimate.json")


@dataclass
class Estimate:
    """What is left to do, by rule.

    Attributes:
        jobs: how many pieces of work.
        seconds: processor seconds of all of them.
        guessed: rules of which nothing is on record.
        downloads: bytes by file of a source that is to be fetched; None where nobody says how many.
        mirrored: the same for what the mirror holds.
        disk: bytes that will be written, as far as something like it is on record.
    """

    jobs: Counter = field(default_factory=Counter)
    seconds: Counter = field(default_factory=Counter)
    guessed: set[str] = field(default_factory=set)
    downloads: dict[str, int | None] = field(default_factory=dict)
    mirrored: dict[str, int | None] = field(default_factory=dict)
    disk: float = 0.0


def estimate(plan: Plan, root: Path = Path()) -> Estimate:
    """Estimate what is left of a plan.

    Args:
        plan: the plan.
        root: the project's folder.
    """
    found, history = Estimate(), History(root)
    for one in plan.shared_data().values():
        if not (root / one.record).exists():
            add(found, history, RULES[one.kind], 1)
            found.disk += history.size(one)
            if one.kind == "raw":
                fetched(found, one, plan.config.get("mirror"))
    for study, dataset, user in plan.wanted_users():
        if not (root / plan.validity(study, dataset, user).path).exists():
            add(found, history, "evaluate_simulator", 1)
    for study in plan.studies:
        of_runs(found, history, plan, study)
        of_exhibits(found, history, plan, study, root)
    if not is_current(root / "results/.made/front.json", plan.front.key):
        add(found, history, "front", 1)
    return found


def add(found: Estimate, history: "History", rule: str, pieces: int) -> None:
    """Count pieces of work of a rule."""
    if not pieces:
        return
    seconds, known = history.of_rule(rule)
    found.jobs[rule] += pieces
    found.seconds[rule] += pieces * seconds
    found.guessed |= set() if known else {rule}


def of_runs(found: Estimate, history: "History", plan: Plan, study: str) -> None:
    """Count trainings, rankings and evaluations that are not there."""
    for task in tasks_of(plan, study, lambda file: written(history.root / file)):
        if task.there:
            continue
        if task.step == "train":
            seconds, known = history.of_training(plan, task.run)
            found.jobs["train"] += 1
            found.seconds["train"] += seconds
            found.guessed |= set() if known else {"train"}
            found.disk += history.size(plan.weights(task.run))
        if task.step != "evaluate":
            add(found, history, "rank", len(task.asked))
            found.disk += sum(history.size(plan.lists(run)) for run in task.asked)
        add(found, history, "evaluate", len(task.asked))


def of_exhibits(found: Estimate, history: "History", plan: Plan, study: str, root: Path) -> None:
    """Count tables, figures, dialogues, claims and pages that are not current."""
    for name in plan.made(study):
        stamp = root / f"results/{study}/.made/{name}.json"
        if not is_current(stamp, plan.exhibit(study, name).key):
            add(found, history, name.partition("_")[0], 1)


def fetched(found: Estimate, raw: Artifact, mirror: str | None) -> None:
    """Note what is to be downloaded for a source, and what a mirror has of it."""
    for name, file in raw.settings["source"].get("files", {}).items():
        there = mirror and (Path(mirror) / file.get("mirror", name)).exists()
        place = found.mirrored if there else found.downloads
        place[f"{raw.name}/{name}"] = file.get("bytes")
        found.disk += file.get("bytes") or 0


class History:
    """What earlier work took, and what it left on disk.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path):
        self.root = root
        self.rules = means(rows(root / LOG))
        self.trainings: dict[tuple, list[float]] = defaultdict(list)
        for path in root.glob("results/*/runs/*/*/*/run.json"):
            record = json.loads(path.read_text(encoding="utf-8"))
            if not record.get("not_run"):
                for place in places(record["study"], *path.parts[-4:-2], record["tier"]):
                    self.trainings[place].append(record.get("cpu_seconds") or record["seconds"])
        self.slowness: float | None = None
        self.sizes: dict[str, float] = {}

    def of_rule(self, rule: str) -> tuple[float, bool]:
        """Return the seconds of a piece of work, and whether they are on record here."""
        if rule in self.rules:
            return self.rules[rule], True
        return TYPICAL.get(rule, OTHER) * self.slower(), False

    def of_training(self, plan: Plan, run: Run) -> tuple[float, bool]:
        """Return the seconds of a training from the nearest ones on record, and whether there are any."""
        where = plan.folder(run.study, run.dataset)
        for place in places(run.study, where, run.model, plan.config["tier"]):
            if place in self.trainings:
                return float(np.mean(self.trainings[place])), True
        return TYPICAL["train"] * self.slower(), False

    def slower(self) -> float:
        """Say how many times as long as the reference this machine takes."""
        if self.slowness is None:
            self.slowness = REFERENCE / operations()
        return self.slowness

    def size(self, one: Artifact) -> float:
        """Return the mean bytes of the folders of a kind; 0 where there are none, and for raw files."""
        if one.kind == "raw":
            return 0.0
        if one.kind not in self.sizes:
            kind, *deeper = one.path.split("/")[1:]
            pattern = PLACES.get(one.kind) or "/".join(["data", kind, *("*" for _ in deeper)])
            whole = [bytes_of(folder) for folder in self.root.glob(pattern) if folder.is_dir()]
            self.sizes[one.kind] = float(np.mean(whole)) if whole else 0.0
        return self.sizes[one.kind]


def bytes_of(folder: Path) -> int:
    """Add up the files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def places(study: str, folder: str, model: str, tier: str) -> list[tuple]:
    """List under what the time of a training is kept, the nearest first."""
    return [(tier, study, folder, model), (tier, study, folder, None), (tier, study, None, None)]


def operations(seconds: float = 2.0, size: int = 1024) -> float:
    """Measure the operations of a product of matrices in a second of one processor; the best of some counts."""
    one = np.random.default_rng(0).random((size, size), np.float32)
    best, end = 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < end:
        start = time.process_time()
        one @ one
        best = max(best, 2 * size**3 / (time.process_time() - start))
    return best


def rows(log: Path, start: int = 0) -> Iterator[tuple[str, float]]:
    """Read rule and seconds of every piece of work on record, from a byte on."""
    if not log.exists():
        return
    with log.open(encoding="utf-8") as file:
        file.seek(start)
        for line in file:
            rule, mark, seconds = line.partition("\t")
            if mark:
                yield rule, float(seconds)


def means(work: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Average the seconds of each rule."""
    found = defaultdict(list)
    for rule, seconds in work:
        found[rule].append(seconds)
    return {rule: float(np.mean(values)) for rule, values in found.items()}


def remember(found: Estimate, root: Path = Path()) -> None:
    """Keep an estimate, to be held against what is done from now on."""
    log = root / LOG
    kept = {
        "at": time.strftime("%Y-%m-%d %H:%M"),
        "from": log.stat().st_size if log.exists() else 0,
    }
    write_json(root / MEMORY, kept | {"jobs": found.jobs, "seconds": found.seconds})


def error(root: Path = Path()) -> dict | None:
    """Hold the last estimate against the work since.

    Returns:
        `at`, when it was made; `pieces` done since of rules that it has; the `seconds` that they took and that were
        `estimated` for as many; None where nothing was done.
    """
    place = root / MEMORY
    if not place.exists():
        return None
    kept = json.loads(place.read_text(encoding="utf-8"))
    each = {rule: kept["seconds"][rule] / pieces for rule, pieces in kept["jobs"].items()}
    done = [(rule, took) for rule, took in rows(root / LOG, kept["from"]) if rule in each]
    if not done:
        return None
    found = {"at": kept["at"], "pieces": len(done), "seconds": sum(took for _, took in done)}
    return found | {"estimated": sum(each[rule] for rule, _ in done)}


def afterwards(root: Path = Path()) -> str | None:
    """Say how far off the last estimate was by the work done since; None where there is neither."""
    known = error(root)
    return off(known) if known else None


def off(known: dict) -> str:
    """Say how far off an estimate was."""
    share = known["estimated"] / known["seconds"] - 1 if known["seconds"] else 0.0
    return (
        f"the estimate of {known['at']}: {known['pieces']} pieces of it are done, in {hours(known['seconds'])}; "
        f"estimated were {hours(known['estimated'])} ({100 * share:+.0f}%)"
    )


def hours(seconds: float | int) -> str:
    """Write a time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
