"""Made-up results of a whole study: runs whose quality is known, written as the workflow writes them.

Nothing of recloop is imported at the top: shapes are checked only in what is imported after pytest has started.
"""

import json
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).parents[2]
ITEMS, SESSIONS, TOP = 1500, 80, 20
SOURCES = {
    "rc15": ("shop_clicks", "embedded shop, 1,500 items"),
    "retailrocket": ("retailrocket", None),
    "lfm1b": (None, None),
}
TIER = {
    "tier": "laptop",
    "seeds": [1, 2],
    "datasets": {
        "rc15": {"source": "shop_clicks", "stand_in": "embedded shop, 1,500 items"},
        "retailrocket": {"source": "retailrocket", "stand_in": None},
        "lfm1b": {"source": None, "stand_in": None, "not_run": "18 GB of raw data"},
    },
}


@pytest.fixture(scope="session")
def study() -> dict:
    """The study of the paper."""
    from recloop.plan.folders import read_study

    return read_study(ROOT / "studies/modt4r")


@pytest.fixture(scope="session")
def reported() -> Path:
    """The printed numbers of the paper."""
    return ROOT / "studies/modt4r/reported.csv"


@pytest.fixture(scope="session")
def saved(tmp_path_factory, study) -> dict:
    """Scores, runs and splits of every run of the study on two of its data sets."""
    from recloop.plan import names as sweeps

    root = tmp_path_factory.mktemp("saved")
    entries = [*study["tables"].values(), *study["figures"].values(), *study["claims"].values()]
    pairs = dict.fromkeys(pair for entry in entries for pair in sweeps.wanted(study, entry))
    splits = {name: write_split(root, name) for name, (source, _) in SOURCES.items() if source}
    wanted = [pair for pair in pairs if pair[0] in splits and pair[1] != "ease"]
    folders = [write_run(root, *pair, seed) for pair in wanted for seed in TIER["seeds"]]
    return {
        "scores": [folder / "scores.parquet" for folder in folders],
        "runs": [folder / "run.json" for folder in folders] + [refused(root)],
        "splits": list(splits.values()),
        "tier": TIER | {"datasets": {name: place(name, splits) for name in TIER["datasets"]}},
    }


def place(dataset: str, splits: dict[str, Path]) -> dict:
    """Say which split the tier uses for a data set."""
    folder = {"split": str(splits[dataset].parent)} if dataset in splits else {}
    return TIER["datasets"][dataset] | folder


def stream(*words: object) -> np.random.Generator:
    """A generator of random numbers that belongs to these words."""
    return np.random.default_rng(crc32(" ".join(map(str, words)).encode()))


def popularity(dataset: str) -> np.ndarray:
    """Training events per item, Zipf."""
    return stream(dataset).permutation((9000 / np.arange(1, ITEMS + 1)).astype(int))


def write_split(root: Path, dataset: str) -> Path:
    """Write split.json and items.parquet."""
    folder = root / "data" / dataset
    folder.mkdir(parents=True)
    items = pl.DataFrame({"item": np.arange(ITEMS, dtype=np.int32), "count": popularity(dataset)})
    items.write_parquet(folder / "items.parquet")
    part = {"sessions": SESSIONS, "items": ITEMS, "interactions": 5 * SESSIONS}
    counts = {
        "train": {"sessions": 8 * SESSIONS, "items": ITEMS, "interactions": 40 * SESSIONS},
        "valid": part,
        "test": part,
    }
    split = {
        "hash": f"{crc32(dataset.encode()):08x}" * 8,
        "source": {"title": "made up"},
        "counts": counts,
    }
    (folder / "split.json").write_text(json.dumps(split))
    return folder / "split.json"


def write_run(root: Path, dataset: str, model: str, seed: int) -> Path:
    """Write lists, scores and run.json of one run."""
    from recloop.evaluation import evaluate

    folder = root / "scores" / dataset / model / f"{seed}-abc"
    folder.mkdir(parents=True)
    lists = make_lists(dataset, model, seed)
    lists.write_parquet(folder / "lists.parquet")
    vectors = stream("vectors").normal(size=(ITEMS, 8))
    source, stand_in = SOURCES[dataset]
    identity = {
        "study": "modt4r",
        "dataset": dataset,
        "source": source,
        "stand_in": bool(stand_in),
        "tier": "laptop",
    }
    identity |= {"model": model, "seed": seed, "split": f"{crc32(dataset.encode()):08x}" * 8}
    scores = evaluate(lists, popularity(dataset), vectors, [5, 10, 20])
    scores.with_columns(**{key: pl.lit(value) for key, value in identity.items()}).write_parquet(
        folder / "scores.parquet"
    )
    cost = {
        "seconds": 12.5 + seed,
        "cpu_seconds": 20.0,
        "peak_memory_mb": 700.0,
        "parameters": 123456,
        "not_run": None,
    }
    machine = {"device": "cpu", "host": "2 cores", "torch": "2.13"}
    (folder / "run.json").write_text(json.dumps(identity | cost | machine))
    return folder


def refused(root: Path) -> Path:
    """Write the run.json of a run that was refused."""
    why = {
        "dataset": "rc15",
        "model": "ease",
        "seed": 1,
        "not_run": "its item-item matrix needs 40 GiB",
    }
    (root / "run.json").write_text(json.dumps(why))
    return root / "run.json"


def quality(model: str) -> tuple[float, float]:
    """How accurate a model is and how widely it recommends: the paper's own model is best at both."""
    known = {
        "sasrec": (0.30, 0.4),
        "sqn": (0.31, 0.3),
        "smonac": (0.32, 0.5),
        "smorl": (0.33, 0.5),
        "mrdt": (0.35, 0.55),
    }
    known |= {
        "modt4r": (0.45, 0.9),
        "modt4r_imp": (0.35, 0.8),
        "modt4r_i": (0.36, 0.6),
        "popularity": (0.05, 0.0),
    }
    accuracy, width = known.get(model.split(",")[0], (0.25, 0.4))
    return (accuracy * 0.5, width * 0.5) if "item_loss=false" in model else (accuracy, width)


def make_lists(dataset: str, model: str, seed: int) -> pl.DataFrame:
    """Make the lists of one run: targets near the top as often as the model is accurate."""
    events = stream(dataset, "events").integers(2, 7, SESSIONS)
    session = np.repeat(np.arange(SESSIONS), events)
    accuracy, width = quality(model)
    random = stream(dataset, model, seed)
    hit = (
        stream(dataset, "luck").random(len(session)) + 0.05 * random.normal(size=len(session))
        < accuracy
    )
    better = np.where(
        hit, random.integers(0, 10, len(session)), random.integers(20, ITEMS, len(session))
    )
    chance = (popularity(dataset) + 1.0) ** (1.6 - width)
    keys = random.gumbel(size=(len(session), ITEMS)) + np.log(chance / chance.sum())
    top = np.argsort(-keys, axis=1)[:, :TOP].astype(np.int32)
    return pl.DataFrame(
        {
            "session": session,
            "position": np.concatenate([np.arange(1, count + 1) for count in events]).astype(
                np.int32
            ),
            "target": np.zeros(len(session), dtype=np.int32),
            "better": better.astype(np.int32),
            "tied": np.ones(len(session), dtype=np.int32),
            "top": pl.Series(top.tolist(), dtype=pl.List(pl.Int32)),
        }
    )
