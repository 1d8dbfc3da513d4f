"""Generated results of a study: all that its exhibits, claims and page read, as the workflow writes it, but small.

What is written follows from the study's own files: which runs its exhibits, claims and known answers ask for, what its
evaluation counts, which metrics its task has. The quality of the runs is made up. What tests of one study need to be so
stands in generated/<study>.yaml; a study without such a file has results of its first data set and nothing else:

    seeds, items, sessions   how much; items of the catalogue and sessions (or dialogues) of the test part
    tier                     what the tier says besides
    parts                    sessions and events per session of each part, as split.json counts them
    datasets                 source, stand_in or not_run of each; `only` and `without` pick models, `refused` says why
                             one was not run, `bought: false` is a log without purchases
    quality                  by pattern of runs, later before earlier: `hits`, the share of test events whose item is
                             among the first ten (or how much sooner a dialogue ends), and `width`, from 0 for lists of
                             popular items to 1.6 for lists of all items alike
    favours                  the keyword by whose value lists favour what is bought, and which runs are `deaf` to it
"""

import json
from functools import cached_property
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl
import yaml

from recloop.evaluation.run import score
from recloop.plan import names
from recloop.plan.folders import read_study
from recloop.plan.task import task_of
from saved.draws import fits
from saved.lists import Answers, Contents, Episodes, Feedback, Generation, Intents, Preferences
from saved.pictures import Dialogues, Shopping
from saved.sequences import Sequences

ROOT = Path(__file__).parents[3]
WANTED = ROOT / "tests/report/generated"
KINDS = {  # by what judges the lists
    "metrics": Sequences,
    "intents": Intents,
    "dialogue": Dialogues,
    "episodes": Episodes,
    "shopping": Shopping,
    "preferences": Preferences,
    "contents": Contents,
    "generation": Generation,
    "answers": Answers,
    "feedback": Feedback,
}
FIRST = {"source": "generated", "stand_in": "generated results"}
COST = {"seconds": 12.5, "cpu_seconds": 20.0, "peak_memory_mb": 700.0, "parameters": 123456}
PEERS = {
    "tensors": ["rank.weight"],
    "shares": {"one": [[0.5], [None]]},
    "cosine": {"all": [0.1, 0.2]},
}
INTENTS = [{"update": update, "elbo": -1 / update, "kl": 0.1 * update} for update in (1, 2, 3)]
PLAYED = {"steps": [10, 20, 30], "return": [5.0, 6.0, 9.0], "length": [2.0, 2.0, 3.0]}
ESTIMATES = [
    {"policy": name, "estimate": -20.0 - 3 * n, "truth": -18.0 - 2 * n, "error": 0.5}
    | {"ratio": 0.8 + 0.1 * n, "true_ratio": 0.7 + 0.2 * n}
    for n, name in enumerate(
        ["off_policy", "imitation", "offline", "bcq", "dualdice", "algae", "mopo"]
    )
]
MACHINE = {"device": "cpu", "host": "2 cores", "torch": "2.13"}


def studies() -> list[str]:
    """List the studies there are."""
    return sorted(path.parent.name for path in ROOT.glob("studies/*/paper.yaml"))


class Generated:
    """Results of one study below a folder."""

    def __init__(self, name: str, root: Path):
        self.name, self.root = name, root
        self.study = read_study(ROOT / f"studies/{name}")
        self.reported = ROOT / f"studies/{name}/reported.csv"
        self.wanted = read_wanted(name)
        self.items = self.wanted.get("items", 60)
        self.sessions = self.wanted.get("sessions", 40)
        self.seeds = self.wanted.get("seeds", [1])
        self.datasets = self.wanted.get("datasets") or {next(iter(self.study["datasets"])): FIRST}
        self.metrics = task_of(self.study["task"]).METRICS
        self.kind = KINDS[self.metrics.rpartition(".")[2]](self)

    @property
    def exhibits(self) -> list[dict]:
        """Entries of all tables and figures."""
        return [*self.study["tables"].values(), *self.study["figures"].values()]

    @cached_property
    def saved(self) -> dict:
        """Paths of all that is written and the tier, by the keywords of `Evidence.gather`."""
        ran = [name for name, entry in self.datasets.items() if entry.get("source")]
        splits = {name: self.write_split(name) for name in ran}
        folders = [self.write_run(*run) for run in self.runs(ran)]
        users = [
            self.write_user(name, user)
            for name in ran
            for user in self.study.get("simulators", {})
            if any(entry["kind"] == "validity" for entry in self.exhibits)
        ]
        refused = [
            self.write_refusal(name, *pair)
            for name, entry in self.datasets.items()
            for pair in entry.get("refused", {}).items()
        ]
        return {
            "scores": [folder / "scores.parquet" for folder in folders] + users,
            "runs": [folder / "run.json" for folder in folders] + refused,
            "splits": list(splits.values()),
            "tier": self.tier(splits),
        }

    def tier(self, splits: dict[str, Path]) -> dict:
        """Describe which data were used, as a resolved tier does."""
        said = ("source", "stand_in", "not_run")
        datasets = {
            name: {key: entry.get(key) for key in said} | self.kind.places(splits.get(name))
            for name, entry in self.datasets.items()
        }
        found = {"tier": "laptop", "seeds": self.seeds, "datasets": datasets}
        return found | self.wanted.get("tier", {})

    def runs(self, ran: list[str]) -> list[tuple[str, str, int]]:
        """List data set, model and seed of all runs that the study asks for and that are not left out."""
        asked = [*self.exhibits, *self.study["claims"].values(), *self.study["known"].values()]
        pairs = dict.fromkeys(pair for entry in asked for pair in names.wanted(self.study, entry))
        kept = [pair for pair in pairs if pair[0] in ran and self.keeps(*pair)]
        return [(*pair, seed) for pair in kept for seed in self.seeds]

    def keeps(self, dataset: str, model: str) -> bool:
        """Check whether a model is among those of a data set."""
        entry = self.datasets[dataset]
        left_out = {*entry.get("without", []), *entry.get("refused", {})}
        return fits(model, entry.get("only", ["*"])) and not fits(model, left_out)

    def quality(self, model: str) -> dict:
        """Say how good the lists of a run are."""
        found = {"hits": 0.3, "width": 0.4}
        for pattern, entry in self.wanted.get("quality", {}).items():
            found |= entry if fits(model, [pattern]) else {}
        return found

    def identity(self, dataset: str, model: str, seed: int) -> dict:
        """What comes with every number of a run."""
        entry = self.datasets[dataset]
        here = {"study": self.name, "dataset": dataset, "source": entry["source"], "tier": "laptop"}
        return here | {"stand_in": bool(entry.get("stand_in")), "model": model, "seed": seed}

    def folder(self, *parts: object) -> Path:
        """Make a folder below that of the study."""
        folder = self.root.joinpath(*map(str, parts))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_split(self, dataset: str) -> Path:
        """Write a split and return the path of its split.json."""
        folder = self.folder("data", dataset)
        split = {"hash": f"{crc32(dataset.encode()):08x}" * 8, "source": {"title": "generated"}}
        split |= self.kind.write_data(folder, dataset)
        (folder / "split.json").write_text(json.dumps(split))
        return folder / "split.json"

    def write_run(self, dataset: str, model: str, seed: int) -> Path:
        """Write lists, scores, run.json and curve.csv of one run."""
        folder = self.folder("scores", dataset, model, f"{seed}-abc")
        self.kind.lists(dataset, model, seed).write_parquet(folder / "lists.parquet")
        identity = self.identity(dataset, model, seed)
        lists, split = folder / "lists.parquet", self.folder("data", dataset)
        saved = (lists, split, identity, self.study["evaluation"], folder / "scores.parquet")
        score(*saved, self.kind.vectors, self.metrics)
        hash_ = json.loads((split / "split.json").read_text())["hash"]
        run = identity | {"split": hash_, "not_run": None} | COST | MACHINE
        run |= {"peers": PEERS, "intents": INTENTS, "played": PLAYED}
        run |= {"estimates": ESTIMATES}
        (folder / "run.json").write_text(json.dumps(run))
        curve(model).write_csv(folder / "curve.csv")
        return folder

    def write_user(self, dataset: str, user: str) -> Path:
        """Write the measures of a simulated user that the exhibits show."""
        asked = [
            metric
            for entry in self.exhibits
            if entry["kind"] == "validity"
            for metric in entry["metrics"]
        ]
        measures = [metric.rpartition("@") for metric in dict.fromkeys(asked)]
        split = json.loads((self.folder("data", dataset) / "split.json").read_text())["hash"]
        here = self.identity(dataset, user, 1) | {"split": split}
        rows = [
            here | {"metric": metric, "k": int(k), "value": 0.1 + 0.05 * number}
            for number, (metric, _, k) in enumerate(measures)
        ]
        path = self.folder("validity", dataset, user) / "validity.parquet"
        pl.DataFrame(rows).write_parquet(path)
        return path

    def write_refusal(self, dataset: str, model: str, why: str) -> Path:
        """Write the run.json of a run that was refused."""
        run = {"dataset": dataset, "model": model, "seed": 1, "not_run": why}
        path = self.folder("refused", dataset, model) / "run.json"
        path.write_text(json.dumps(run))
        return path


def read_wanted(name: str) -> dict:
    """Read what tests of a study need to be so; nothing for a study without such a file."""
    path = WANTED / f"{name}.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def curve(model: str) -> pl.DataFrame:
    """Make the validations of a training: a line that rises as the name of the model has it, and then is level."""
    updates = np.arange(10, 160, 10)
    heights = 0.1 + 0.001 * updates.clip(max=100) * (crc32(model.encode()) % 7)
    columns = {
        "update": updates,
        "epoch": updates / 10,
        "loss": 1 / updates,
        "seconds": 1.0 * updates,
    }
    return pl.DataFrame(columns | {"valid_ndcg10": heights})
