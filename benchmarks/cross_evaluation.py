"""The same lists under other libraries' metrics and under ours with their conventions: docs/metrics.md.

    pip install --no-deps --require-hashes -r envs/trec_eval.txt
    pip install lenskit==2025.8.1           # in an environment of its own; what is not installed is left out
    python benchmarks/cross_evaluation.py results/gsasrec/scores/ml1m/*/*/lists.parquet --csv docs/cross_evaluation.csv

Beside the lists of runs, which have one relevant item each, stand drawn lists that have all that conventions are about:
several relevant items, tied scores, relevant items that are not listed, users without a list.
"""

import argparse
import csv
import sys
from collections import defaultdict
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from recloop.evaluation import conventions

HEAD = (
    "lists",
    "users",
    "library",
    "metric",
    "ours",
    "theirs",
    "ours by its conventions",
    "difference",
)
NAMES = {"HR": "success", "Recall": "recall", "NDCG": "ndcg_cut"}  # of trec_eval
AGREES = 1e-6


def trec_eval(lists: pl.DataFrame, truth: pl.DataFrame, cutoffs: list[int]) -> dict[str, float]:
    """Score lists by trec_eval, through pytrec_eval; MRR is of whole lists, which it does not cut.

    Args:
        lists, truth, cutoffs: as in `conventions.score`.
    """
    library = import_module("pytrec_eval")
    run, relevant = defaultdict(dict), defaultdict(dict)
    for user, item, score in lists.select("user", "item", "score").iter_rows():
        run[user][item] = score
    for user, item in truth.select("user", "item").iter_rows():
        relevant[user][item] = 1
    asked = {f"{name}.{','.join(map(str, cutoffs))}" for name in NAMES.values()} | {"recip_rank"}
    per_user = library.RelevanceEvaluator(relevant, asked).evaluate(run).values()

    def mean(name: str) -> float:
        return float(np.mean([found[name] for found in per_user]))

    found = {f"{ours}@{k}": mean(f"{name}_{k}") for ours, name in NAMES.items() for k in cutoffs}
    return found | {"MRR": mean("recip_rank")}


def lens_kit(lists: pl.DataFrame, truth: pl.DataFrame, cutoffs: list[int]) -> dict[str, float]:
    """Score lists by LensKit, which knows orders and no scores; a user without a list has an empty one.

    Args:
        lists, truth, cutoffs: as in `conventions.score`.
    """
    library, items = import_module("lenskit.metrics"), import_module("lenskit.data").ItemList
    placed = conventions.placed(lists, "listed").sort("user", "better")
    run = {user: part["item"].to_list() for (user,), part in placed.group_by("user")}
    pairs = [
        (items(item_ids=run.get(user, []), ordered=True), items(item_ids=part["item"].to_list()))
        for (user,), part in truth.group_by("user")
    ]
    kinds = {"HR": library.Hit, "Recall": library.Recall}
    kinds |= {"NDCG": library.NDCG, "MRR": library.RecipRank}
    return {
        f"{name}@{k}": float(np.mean([kind(k).measure_list(*pair) for pair in pairs]))
        for name, kind in kinds.items()
        for k in cutoffs
    }


LIBRARIES = {  # by the names of conventions: what is to be there, its package, and how it scores
    "trec_eval": ("pytrec_eval", "pytrec-eval-terrier", trec_eval),
    "LensKit": ("lenskit", "lenskit", lens_kit),
}


def drawn(users: int = 300, items: int = 60, listed: int = 20, seed: int = 0):
    """Draw lists with few scores, some users without a list, and one to six relevant items of each user."""
    random = np.random.default_rng(seed)
    rows, relevant = [], []
    for user in range(users):
        if user % 10:
            shown = random.permutation(items)[:listed].tolist()
            rows += [(f"u{user}", f"i{item}", float(random.integers(6))) for item in shown]
        wanted = random.permutation(items)[: random.integers(1, 7)].tolist()
        relevant += [(f"u{user}", f"i{item}") for item in wanted]
    text, pair = pl.String, {"user": pl.String, "item": pl.String}
    lists = pl.DataFrame(rows, schema=pair | {"score": pl.Float64}, orient="row")
    return lists, pl.DataFrame(relevant, schema=dict.fromkeys(pair, text), orient="row")


def compared(
    name: str, lists: pl.DataFrame, truth: pl.DataFrame, cutoffs: list[int]
) -> list[tuple]:
    """Set ours, theirs and ours by the conventions of a library side by side."""
    longest = int(lists.group_by("user").len()["len"].max())
    by, asked = conventions.LIBRARIES[name], [*cutoffs, longest]
    ours, same = (conventions.score(lists, truth, asked, one) for one in (conventions.OURS, by))
    rows = []
    for metric, theirs in LIBRARIES[name][2](lists, truth, cutoffs).items():
        place = metric if "@" in metric else f"{metric}@{longest}"
        rows.append((name, place, ours[place], theirs, same[place], abs(theirs - same[place])))
    return rows


def main() -> int:
    """Print the comparison; status 1 where it is off by more than 1e-6."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("lists", nargs="*", type=Path, help="lists.parquet of runs")
    parser.add_argument("--k", nargs="+", type=int, default=[1, 5, 10])
    parser.add_argument("--csv", type=Path, help="a file to write to; the screen if left out")
    options = parser.parse_args()
    here = {name: entry[1] for name, entry in LIBRARIES.items() if find_spec(entry[0])}
    rows = []
    for path in [None, *options.lists]:
        pair = conventions.of_own(pl.read_parquet(path)) if path else drawn()
        name = "/".join(path.parts[-4:-1]) if path else "drawn"
        users = pair[1]["user"].n_unique()
        for library in here:
            rows += [(name, users, *row) for row in compared(library, *pair, options.k)]
    written = [(*row[:4], *(f"{value:.9f}" for value in row[4:])) for row in rows]
    with options.csv.open("w", newline="") if options.csv else sys.stdout as file:
        csv.writer(file, lineterminator="\n").writerows([HEAD, *written])
    worst = max((row[-1] for row in rows), default=0.0)
    versions = ", ".join(f"{package} {version(package)}" for package in here.values())
    print(
        f"{len(rows)} values, off by {worst:.1e} at most; {versions or 'no library'}",
        file=sys.stderr,
    )
    return int(worst > AGREES)


if __name__ == "__main__":
    sys.exit(main())
