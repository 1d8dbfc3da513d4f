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
from fnmatch import fnmatchcase
from functools import cached_property
from io import BytesIO
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl
import yaml
from PIL import Image
from safetensors.numpy import save_file

from recloop.evaluation import records
from recloop.evaluation.costs import COLUMNS
from recloop.evaluation.feedback import MEASURES
from recloop.evaluation.filters import KINDS
from recloop.evaluation.metric import TURN
from recloop.evaluation.run import score
from recloop.plan import names
from recloop.plan.folders import read_study
from recloop.plan.names import RunName
from recloop.plan.task import task_of

ROOT = Path(__file__).parents[2]
FIRST = {"source": "generated", "stand_in": "generated results"}
SENTENCES = ("is navy instead of black", "has a lower heel and an open toe, without the strap")
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
    for n, name in enumerate(
        ["off_policy", "imitation", "offline", "bcq", "dualdice", "algae", "mopo"]
    )
]
MACHINE = {"device": "cpu", "host": "2 cores", "torch": "2.13"}


def studies() -> list[str]:
    """List the studies there are."""
    return sorted(path.parent.name for path in ROOT.glob("studies/*/paper.yaml"))


def stream(*words: object) -> np.random.Generator:
    """A generator of random numbers that belongs to these words."""
    return np.random.default_rng(crc32(" ".join(map(str, words)).encode()))


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
        kinds = {"metrics": Sequences, "intents": Intents, "dialogue": Dialogues}
        kinds |= {"episodes": Episodes, "shopping": Shopping, "preferences": Preferences}
        kinds |= {
            "contents": Contents,
            "generation": Generation,
            "answers": Answers,
            "feedback": Feedback,
        }
        self.kind = kinds[self.metrics.rpartition(".")[2]](self)

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
    path = Path(__file__).parent / f"generated/{name}.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def fits(model: str, patterns) -> bool:
    """Check whether a run, or the model that it varies, fits one of some patterns."""
    return any(
        fnmatchcase(one, wanted) for wanted in patterns for one in (model, model.split(",")[0])
    )


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


class Sequences:
    """Sessions of users and lists of next items."""

    def __init__(self, generated: Generated):
        self.all = generated
        self.items, self.sessions = generated.items, generated.sessions
        self.evaluation = generated.study["evaluation"]

    def places(self, split: Path | None) -> dict:
        """Say where the data of a data set lie."""
        return {"split": str(split.parent)} if split else {}

    @cached_property
    def vectors(self) -> Path:
        """Weights whose item table measures how alike items are."""
        table = stream("vectors").normal(size=(self.items + 1, 8)).astype(np.float32)
        path = self.all.folder("vectors") / "vectors.safetensors"
        save_file({"backbone.embedding.weight": table}, path)
        return path

    def popularity(self, dataset: str) -> np.ndarray:
        """Training events per item, Zipf."""
        return stream(dataset).permutation(
            (6 * self.items / np.arange(1, self.items + 1)).astype(int)
        )

    @property
    def bought(self) -> np.ndarray:
        """Which items are bought whenever they are in a session: the later half."""
        return np.arange(self.items) >= self.items // 2

    def sells(self, dataset: str) -> bool:
        """Check whether anything is bought in a data set."""
        return self.all.datasets[dataset].get("bought", True)

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write items and parts, and count them."""
        counts = self.popularity(dataset)
        items = pl.DataFrame({"item": np.arange(self.items, dtype=np.int32), "count": counts})
        items.write_parquet(folder / "items.parquet")
        usual = {
            "train": [8 * self.sessions, 5],
            "valid": [self.sessions, 5],
            "test": [self.sessions, 5],
        }
        parts = self.all.wanted.get("parts", usual)
        for part, (sessions, events) in parts.items():
            train = np.repeat(np.arange(self.items), counts)
            shown = train if part == "train" else train[: sessions * events]
            self.part(dataset, shown, sessions).write_parquet(folder / f"{part}.parquet")
        counted = {
            part: {"sessions": sessions, "items": self.items, "interactions": sessions * events}
            for part, (sessions, events) in parts.items()
        }
        return {"counts": counted}

    def part(self, dataset: str, items: np.ndarray, sessions: int) -> pl.DataFrame:
        """Deal items to sessions of one user each."""
        dealt = [items[number::sessions] for number in range(sessions)]
        events = [(self.bought[row] & self.sells(dataset)).astype(int) for row in dealt]
        return pl.DataFrame(
            {
                "session": range(sessions),
                "user": [f"u{number}" for number in range(sessions)],
                "item": [row.tolist() for row in dealt],
                "event": [row.tolist() for row in events],
                "first_target": [1] * sessions,
            }
        )

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make the lists of one run: targets near the top as often as the run is good; the first ten items are met."""
        lengths = stream(dataset, "events").integers(2, 7, self.sessions)
        number, met = int(lengths.sum()), 10
        position = np.concatenate([np.arange(1, length + 1) for length in lengths])
        target = stream(dataset, "targets").integers(0, self.items, number)
        quality, (name, asked) = self.all.quality(model), self.favours(dataset, model)
        random = stream(dataset, name, seed)
        luck = stream(dataset, "luck").random(number) + 0.05 * random.normal(size=number)
        high, low = random.integers(0, 10, number), random.integers(20, self.items, number)
        top = self.listed(dataset, random, number, quality["width"], asked)
        columns = {
            "session": np.repeat(np.arange(self.sessions), lengths),
            "position": position.astype(np.int32),
            "target": target.astype(np.int32),
            "better": np.where(luck < quality["hits"], high, low).astype(np.int32),
            "tied": np.ones(number, dtype=np.int32),
            "top": pl.Series(top, dtype=pl.Array(pl.Int32, top.shape[1])),
            "purchase": (position == np.repeat(lengths, lengths)) & self.sells(dataset),
            "repeated": np.arange(number) % 3 == 0,
        }
        if self.evaluation.get("users"):
            familiar = pl.Series(top < met, dtype=pl.Array(pl.Boolean, top.shape[1]))
            columns |= {"past": target < met, "familiar": familiar}
        return pl.DataFrame(columns)

    def listed(self, dataset: str, random, number: int, width: float, asked: float) -> np.ndarray:
        """Draw the best items of every event, by popularity where lists are narrow."""
        weight = (self.popularity(dataset) + 1.0) ** (1.6 - width)
        keys = random.gumbel(size=(number, self.items)) + np.log(weight / weight.sum())
        keys += asked * self.bought
        best = np.argpartition(-keys, self.evaluation["top_k"])[:, : self.evaluation["top_k"]]
        order = np.argsort(-np.take_along_axis(keys, best, axis=1), axis=1)
        return np.take_along_axis(best, order, axis=1).astype(np.int32)

    def favours(self, dataset: str, model: str) -> tuple[str, float]:
        """Say what a run is drawn by, and how much its lists favour what is bought: what it is asked is no run."""
        wanted = self.all.wanted.get("favours")
        found = names.defaults(self.all.study, model, dataset) if wanted else {}
        if not wanted or wanted["keyword"] not in found:
            return model, 0.0
        run = names.RunName.parse(model)
        asked = float(names.value_of(model, wanted["keyword"], found))
        plain = str(run.keep(lambda key, value: key != wanted["keyword"]))
        return plain, 0.0 if fits(model, wanted["deaf"]) else asked


class Intents(Sequences):
    """Sessions whose moments are known, and lists of models that have intents."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add intents, one of four for every event, an hour after the other."""
        found = super().lists(dataset, model, seed)
        random, number = stream(dataset, model, seed, "intents"), len(found)
        planted = random.integers(0, 4, number)
        told = (np.eye(4)[planted] + 0.3 * random.normal(size=(number, 4))).astype(np.float32)
        vectors = pl.Series(told, dtype=pl.Array(pl.Float32, 4))
        return found.with_columns(
            time=pl.Series(3_600_000 * np.arange(number)),
            user=pl.format("u{}", "session"),
            alike=pl.Series(random.random(number) < 0.5),
            planted=pl.Series(planted),
            intent=vectors,
            posterior=vectors,
            elbo=pl.Series(-random.random(number)),
            kl=pl.Series(random.random(number)),
        )


class Contents(Sequences):
    """Sessions of items with words and pictures, the kind of each user, and what the training of a model took."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add kinds, and costs: the same in every row, and none for what only counts."""
        found = super().lists(dataset, model, seed)
        found = found.with_columns(
            kind=pl.Series([KINDS[session % len(KINDS)] for session in found["session"]])
        )
        if model in ("popularity", "item_knn"):
            return found
        spent = stream(dataset, model, seed, "costs").random(len(COLUMNS))
        told = zip(COLUMNS.values(), spent.tolist(), strict=True)
        return found.with_columns(pl.lit(1 + value).alias(name) for name, value in told)


class Feedback(Sequences):
    """Sessions, and what an environment that was asked about them knows."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add measures of what was asked, better where a run is good."""
        found = super().lists(dataset, model, seed)
        luck = stream(dataset, model, seed, "asked").random((len(MEASURES), len(found)))
        right = luck < 0.4 + self.all.quality(model)["hits"]
        told = zip(MEASURES, right, strict=True)
        return found.with_columns(pl.Series(name, one.astype(float)) for name, one in told)


class Generation(Sequences):
    """Users and what was said to them."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Add words, how like the next item's they are, which attributes they name, and how long all took."""
        found = super().lists(dataset, model, seed)
        random, number = stream(dataset, model, seed, "words"), len(found)
        measures = {name: random.random(number) for name in ("bleu", "rouge", "bert")}
        named = {
            f"says_{name}": random.random(number) < 0.5 for name in ("recyclable", "restricted")
        }
        words = {
            "text": "a lamp of steel",
            "meant": "a lamp of glass",
            "user": "Ordered products: a tent.",
        }
        return found.with_columns(
            **{name: pl.Series(column) for name, column in (measures | named).items()},
            **{name: pl.lit(text) for name, text in words.items()},
            milliseconds=pl.lit(1.5),
        )


class Episodes(Sequences):
    """Users who are shown items until they leave, and the reward of each."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make two episodes of each user, longer and better rewarded where a run is good."""
        quality, random = self.all.quality(model)["hits"], stream(dataset, model, seed)
        luck = stream(dataset, "luck").random((self.sessions, 2))
        rows = [
            {"session": user, "episode": episode, "position": position, "item": position}
            for user in range(self.sessions)
            for episode in range(2)
            for position in range(1, 3 + int(10 * quality * luck[user, episode]))
        ]
        rewards = 1 + 4 * quality * random.random(len(rows))
        return pl.DataFrame(rows).with_columns(reward=pl.Series(rewards))


class Shopping:
    """Sessions in which users comment on one item after the other, each with a picture."""

    vectors = None

    def __init__(self, generated: Generated):
        self.all, self.turns = generated, generated.study["evaluation"]["turns"]
        self.items, self.sessions = generated.items, generated.sessions

    def places(self, split: Path | None) -> dict:
        """Say where the data of a data set and their pictures lie."""
        here = split and {"split": str(split.parent), "pictures": str(split.parent / "catalogue")}
        return here or {}

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write pictures and items, and count them."""
        images = self.all.folder("data", dataset, "catalogue", "images")
        numbers = range(self.items)
        pictures = pl.DataFrame({"item": numbers, "image": [picture(item) for item in numbers]})
        pictures.cast({"item": pl.Int32}).write_parquet(images / "00000.parquet")
        items = pl.DataFrame({"item": numbers, "count": [1] * self.items}).cast(pl.Int32)
        items.write_parquet(folder / "items.parquet")
        parts = {"train": 30, "valid": 5, "test": self.sessions}
        return {"counts": {part: {"sessions": n, "interactions": n} for part, n in parts.items()}}

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make sessions, shorter ones where a run is good; some never end well. Perception names things."""
        if RunName.parse(model).key in ("perception", "speaker"):
            right = stream(model, seed).random(self.sessions)
            return pl.DataFrame({"session": range(self.sessions), "position": 1, "right": right})
        quality = self.all.quality(model)["hits"] + 0.2 * stream(model, seed).random()
        luck = stream(dataset, "luck").uniform(2, 1.3 * self.turns, self.sessions)
        lengths = np.maximum(1, luck * (1 - quality)).astype(int)
        rows = [
            {
                "session": session,
                "position": turn,
                "target": session % self.items,
                "item": (session + turn) % self.items,
                "critique": SENTENCES[turn % 2] if turn < length else None,
                "reward": -1.0,
                "violated": turn % 3,
                "solved": turn == length,
            }
            for session, length in enumerate(lengths.tolist())
            for turn in range(1, min(length, self.turns) + 1)
        ]
        return pl.DataFrame(rows)


class Preferences(Sequences):
    """Pairs of answers with their rewards, and words with what was measured of them."""

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write words, and count pairs and prompts."""
        found = super().write_data(folder, dataset)
        more = {"pairs": self.sessions, "prompts": self.sessions, "words": 9 * self.sessions}
        return found | {"counts": {part: one | more for part, one in found["counts"].items()}}

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make rewards that are right as often as a run is good, and measures that are as near."""
        wrong = 1 - self.all.quality(model)["hits"]
        luck = stream(dataset, "luck").random(self.sessions)
        random = stream(dataset, model, seed)
        gap = np.where(luck < wrong, -1.0, 1.0) * (0.1 + random.random(self.sessions))
        rows = {"session": range(self.sessions), "position": range(self.sessions)}
        if self.all.study["datasets"][dataset]["prepare"]["kind"] == "pairs":
            return pl.DataFrame(rows | {"chosen": gap, "rejected": 0 * gap, "longer": gap > 0.5})
        for name in ("nFix", "FFD", "GPT", "TRT", "fixProp"):
            rows |= {f"measured_{name}": 10 * luck, f"said_{name}": 10 * luck + wrong * gap}
        return pl.DataFrame(rows)


class Answers(Sequences):
    """Users of whom a language model says what they like and dislike."""

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Name three genres of six on either side, more of them rightly where a run is good."""
        quality, random = self.all.quality(model)["hits"], stream(dataset, model, seed)
        true = stream(dataset, "tastes").random((self.sessions, 12)) < 0.4
        guessed = random.random(true.shape) < 0.4
        said = np.where(random.random(true.shape) < quality, true, guessed)
        labels = pl.Array(pl.Boolean, 12)
        columns = {
            name: pl.Series(one.tolist(), dtype=labels)
            for name, one in (("said", said), ("true", true))
        }
        return pl.DataFrame(
            {
                "session": np.arange(self.sessions),
                "position": np.ones(self.sessions, np.int32),
                "read": random.random(self.sessions) < 0.9,
                "tokens": np.full(self.sessions, 20 + len(model)),
                "flops": np.full(self.sessions, 1e9),
            }
        ).with_columns(**columns)


class Dialogues:
    """Dialogues in which items with pictures are shown."""

    vectors = None

    def __init__(self, generated: Generated):
        self.all, study = generated, generated.study
        self.items, self.dialogues = generated.items, generated.sessions
        self.turns, self.shown = study["evaluation"]["turns"], study["dialogue"]["shown"]
        self.first = study["dialogue"]["first_turn"]

    @cached_property
    def groups(self) -> list[str]:
        """Groups of users that the exhibits ask for: SR_cold@10 asks for one."""
        parts = [part for entry in self.all.exhibits for part in [entry, *entry.get("panels", [])]]
        asked = {metric.partition("@")[0] for part in parts for metric in part.get("metrics", [])}
        known = {name for name, metric in records.METRICS.items() if metric.unit == TURN}
        found = {name.partition("_")[2] for name in asked if name.partition("_")[0] in known}
        return sorted(found - {""}, reverse=True) or ["warm"]

    def places(self, split: Path | None) -> dict:
        """Say where the data of a data set and their pictures lie."""
        here = split and {"split": str(split.parent), "pictures": str(split.parent / "catalogue")}
        return here or {}

    def write_data(self, folder: Path, dataset: str) -> dict:
        """Write pictures, dialogues and items, and count them."""
        images = self.all.folder("data", dataset, "catalogue", "images")
        numbers = range(self.items)
        pictures = pl.DataFrame({"item": numbers, "image": [picture(item) for item in numbers]})
        pictures.cast({"item": pl.Int32}).write_parquet(images / "00000.parquet")
        past = [[1, 2, 3] if self.first else []] * self.dialogues
        rows = pl.DataFrame({"dialogue": range(self.dialogues), "history": past})
        rows.cast({"history": pl.List(pl.Int32)}).write_parquet(folder / "dialogues.parquet")
        items = pl.DataFrame({"item": numbers, "count": [1] * self.items}).cast(pl.Int32)
        items.write_parquet(folder / "items.parquet")
        parts = {"train": 30, "valid": 5, "test": self.dialogues}
        counts = {part: {"sessions": n, "interactions": 3 * n} for part, n in parts.items()}
        split = dict.fromkeys(("sessions", "pools", "captions"), parts)
        return split | {"items": self.items, "lengths": [3, 9], "counts": counts}

    def lists(self, dataset: str, model: str, seed: int) -> pl.DataFrame:
        """Make dialogues: lists of other items until the turn at which the target is shown."""
        luck = stream(self.all.name).uniform(1, 2 * self.turns, self.dialogues)
        random = np.random.default_rng([seed, crc32(model.encode())])
        quick = 1 - self.all.quality(model)["hits"] + 0.2 * random.random()
        found = np.ceil(luck * quick).astype(int)
        turns = range(self.first, self.turns + 1)
        rows = [
            self.turn(random, dialogue, turn, found[dialogue])
            for dialogue in range(self.dialogues)
            for turn in turns
        ]
        frame = pl.DataFrame(rows).cast({"top": pl.Array(pl.Int32, self.shown)})
        return frame.cast(
            dict.fromkeys(["position", "target", "better", "tied", "liked"], pl.Int32)
        )

    def turn(self, random, dialogue: int, turn: int, found: int) -> dict:
        """Make one turn of a dialogue whose target is shown at the turn `found`."""
        target, solved = dialogue % self.items, bool(turn >= found)
        drawn = random.permutation(self.items)[: self.shown + 1]
        others = [int(one) for one in drawn if one != target]
        shown = [*others[: self.shown - 1], target] if turn == found else others[: self.shown]
        return {
            "session": dialogue,
            "position": turn,
            "target": target,
            "better": 0 if solved else int(random.integers(4, self.items)),
            "tied": 0 if turn > found else 1,
            "top": shown,
            "liked": shown[-1],
            "critique": SENTENCES[turn % 2],
            "solved": solved,
            "user": dialogue,
            "group": self.groups[dialogue % len(self.groups)],
        }


def picture(item: int) -> bytes:
    """Draw a square in a colour of its own on white."""
    image = Image.new("RGB", (60, 80), "white")
    image.paste((item * 67 % 256, item * 131 % 256, item * 29 % 256), (12, 15, 48, 65))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
