"""Metrics of many saved lists beside published times.

    python benchmarks/metrics.py                    # 2,000,000 lists of 10 items: 20 million rows
    python benchmarks/metrics.py --lists 200000

HR, NDCG, MRR and coverage at 10, each through the project's own record of it, exact under ties, from a table of lists
as rule `rank` writes it. RePlay keeps a row per listed item, hence the number of rows.
"""

import argparse
import os
import time

import numpy as np
import polars as pl

from recloop.evaluation.metric import Facts
from recloop.evaluation.metrics import value

METRICS = ("HR", "NDCG", "MRR", "CV_div")


def draw(lists: int, items: int, k: int) -> pl.DataFrame:
    """Make lists of random items."""
    random = np.random.default_rng(1)
    better = random.integers(0, items // 8, lists).astype(np.int32)
    top = random.integers(0, items, (lists, k)).astype(np.int32)
    return pl.DataFrame(
        {
            "session": np.arange(lists),
            "position": np.ones(lists, np.int32),
            "target": random.integers(0, items, lists).astype(np.int32),
            "better": better,
            "tied": np.ones(lists, np.int32),
            "top": pl.Series(top, dtype=pl.Array(pl.Int32, k)),
            "purchase": np.zeros(lists, bool),
            "repeated": np.zeros(lists, bool),
        }
    )


def main() -> None:
    """Print the seconds of each metric."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lists", type=int, default=2_000_000, help="(%(default)s)")
    parser.add_argument("--items", type=int, default=30_000, help="(%(default)s)")
    parser.add_argument("--top", type=int, default=10, help="items of a list (%(default)s)")
    given = parser.parse_args()
    lists = draw(given.lists, given.items, given.top)
    facts = Facts(np.ones(given.items, np.int64))
    total = 0.0
    for name in METRICS:
        started = time.perf_counter()
        found = value(lists, name, given.top, facts)
        seconds = time.perf_counter() - started
        total += seconds
        print(f"{name:8} {found:8.4f} {seconds:6.2f} s")
    print(f"{given.lists * given.top:,} rows on {os.cpu_count()} cores: {total:.2f} s")


if __name__ == "__main__":
    main()
