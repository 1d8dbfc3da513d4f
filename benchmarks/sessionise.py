"""Time and memory from a Yoochoose-size click log to three parts, polars beside pandas.

    python benchmarks/sessionise.py                    # 33,003,944 clicks, both sides
    python benchmarks/sessionise.py --rows 3000000     # a quick look

Each side runs in a process of its own on the same generated files: read clicks and buys, keep
sessions of three and items of five events, part 80/10/10 by session, write Parquet. The pandas
side does less: it checks no line, counts no leak and writes long tables instead of lists.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

YOOCHOOSE = 33_003_944  # clicks of the published file
ITEMS, MEAN_LENGTH = 52_739, 3.57  # of the published file
CHUNK = 2_000_000
MINIMA = {"min_session_events": 3, "min_item_events": 5}


def generate(output: Path, rows: int) -> None:
    """Write clicks and buys in the official format, as many as asked, Zipf by item."""
    import polars as pl

    random = np.random.Generator(np.random.PCG64(0))
    weight = np.cumsum(1 / np.arange(1, ITEMS + 1))
    for first in range(0, rows, CHUNK):
        number = min(CHUNK, rows - first)
        begins = random.random(number) < 1 / MEAN_LENGTH
        session = first + np.cumsum(begins)
        item = 214_500_000 + np.searchsorted(weight, random.random(number) * weight[-1])
        moment = 1_396_310_400_000 + session * 500 + np.arange(number) * 7
        clicks = pl.DataFrame(
            {
                "session": session,
                "time": pl.from_epoch(pl.Series(moment), time_unit="ms").dt.strftime(
                    "%Y-%m-%dT%H:%M:%S%.3fZ"
                ),
                "item": item,
                "category": random.integers(0, 13, number),
            }
        )
        buys = clicks.gather_every(29).with_columns(category=pl.lit(1000), quantity=pl.lit(1))
        for name, table in (("clicks", clicks), ("buys", buys)):
            with open(output / f"yoochoose-{name}.dat", "ab") as file:
                table.write_csv(file, include_header=False)


def with_polars(raw: Path, output: Path) -> int:
    """Run the project's own steps."""
    from recloop.data.prepare import prepare
    from recloop.data.readers.yoochoose import read
    from recloop.data.tables import write_tables

    write_tables(read(raw), output / "tables")
    settings = {"order": ["sessions", "items", "sessions"], **MINIMA}
    split = {"by": "session", "shares": [0.8, 0.1, 0.1]}
    record = prepare(output / "tables", output / "sessions", settings, split, seed=1, source={})
    return sum(part["interactions"] for part in record["counts"].values())


def with_pandas(raw: Path, output: Path) -> int:
    """Run the same steps as one would write them with pandas."""
    import pandas as pd

    names = {"clicks": ["session", "time", "item"], "buys": ["session", "time", "item"]}
    read = [
        pd.read_csv(raw / f"yoochoose-{name}.dat", header=None, names=columns, usecols=[0, 1, 2])
        for name, columns in names.items()
    ]
    events = pd.concat([table.assign(purchase=kind) for kind, table in enumerate(read)])
    del read
    events["time"] = pd.to_datetime(events["time"], format="%Y-%m-%dT%H:%M:%S.%fZ")
    events = events.sort_values(["session", "time"], kind="stable")
    for column in ("session", "item", "session"):
        counts = events.groupby(column)[column].transform("size")
        events = events[counts >= MINIMA[f"min_{column}_events"]]
    sessions = events["session"].unique()
    part = np.repeat([0, 1, 2], _sizes(len(sessions)))
    part = np.random.Generator(np.random.PCG64(1)).permutation(part)
    parts = events["session"].map(pd.Series(part, index=sessions))
    for number, name in enumerate(("train", "valid", "test")):
        events[parts == number].to_parquet(output / f"{name}.parquet")
    return len(events)


SIDES = {"polars": with_polars, "pandas": with_pandas}


def measure(side: str, raw: Path) -> dict[str, float]:
    """Run one side in a process of its own and return what it reports."""
    with tempfile.TemporaryDirectory(dir=raw.parent) as output:
        command = [sys.executable, __file__, "--side", side, "--raw", str(raw), "--into", output]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _sizes(number: int) -> list[int]:
    held_out = round(0.1 * number)
    return [number - 2 * held_out, held_out, held_out]


def _run_side(side: str, raw: Path, output: Path) -> None:
    begin = time.perf_counter()
    kept = SIDES[side](raw, output)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # kB to GiB
    print(json.dumps({"seconds": seconds, "peak_gib": peak, "kept": kept}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=YOOCHOOSE, help="clicks (%(default)s)")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES), help="which run")
    parser.add_argument("--folder", type=Path, help="where the temporary files go")
    for internal in ("--side", "--raw", "--into"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Print a line per side, and the ratio of both."""
    given = _arguments()
    if given.side:
        _run_side(given.side, Path(given.raw), Path(given.output))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        raw = Path(folder) / "raw"
        raw.mkdir()
        generate(raw, given.rows)
        size = sum(file.stat().st_size for file in raw.iterdir()) / 1024**3
        print(f"{given.rows:,} clicks, {size:.2f} GiB of text, {os.cpu_count()} cores")
        found = {}
        for side in given.sides:
            found[side] = measure(side, raw)
            told = "{seconds:7.1f} s   peak {peak_gib:5.2f} GiB   {kept:,} events kept"
            print(f"{side:7}", told.format(**found[side]), flush=True)
    if len(found) == len(SIDES):
        for key, unit in (("seconds", "time"), ("peak_gib", "peak memory")):
            ratio = found["polars"][key] / found["pandas"][key]
            print(f"{unit}: polars needs {ratio:.2f} of what pandas needs")


if __name__ == "__main__":
    main()
