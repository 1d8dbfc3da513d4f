"""An audit of printed numbers by arithmetic alone: what no measurement, whatever it was, can have given.

It reads nothing but the printed cells of a study and its share of novel items. A finding is a doubt about a print, not
about a result: numbers are held against one another within what rounding allows.

The checks:

    decimals      a cell has more decimals than its metric has elsewhere in the table
    hits          a success rate is no whole number of hits among the printed number of cases
    gain          NDCG rises by more, or by less, than the hits that HR has won between two cut-offs can add
    falls         HR, coverage or success falls where more items or turns count
    coverage      the popular items that two coverages imply are not from 0 to 1, or grow fewer in longer lists
    ratio         average reward is not return divided by length
    improvement   a printed improvement is that over no row of its table
    two values    two tables print one quantity differently
    repeated      a value stands where another one belongs: in two metrics of one run, or in all cells of two runs
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise
from math import floor, log2
from pathlib import Path

RISING = ("HR", "SR", "CV_div", "CV_nov")
CASES = ("test_images", "test_users")  # printed counts of what is asked once each
WHOLE = "SR"  # the metric that counts such cases
SLACK = 1e-9


@dataclass(frozen=True)
class Cell:
    """One printed number, as text, and what it is of."""

    exhibit: str
    dataset: str
    model: str
    metric: str
    k: int
    text: str

    @cached_property
    def value(self) -> float:
        return float(self.text)

    @cached_property
    def decimals(self) -> int:
        return len(self.text.partition(".")[2])

    @property
    def half(self) -> float:
        """How far the number may have been from what is printed."""
        return 0.5 * 10.0**-self.decimals

    @property
    def run(self) -> tuple[str, str, str]:
        return self.exhibit, self.dataset, self.model


@dataclass(frozen=True)
class Finding:
    """A doubt about one printed number."""

    check: str
    cell: Cell
    says: str


def audit(study: Path, novel_share: float | None = None) -> list[Finding]:
    """Audit the printed numbers of a study.

    Args:
        study: its folder, with reported.csv.
        novel_share: the share of the items that are novel, of which one coverage is; without it the two coverages of
            a run are not held against each other.
    """
    cells, counts = read(study / "reported.csv")
    found = [finding for check in CHECKS for finding in check(cells)]
    found += whole_hits(cells, counts)
    if novel_share is not None:
        found += coverages(cells, novel_share)
    return sorted(found, key=lambda one: (one.check, one.cell.run, one.cell.metric, one.cell.k))


def read(path: Path) -> tuple[list[Cell], dict[tuple[str, str], int]]:
    """Read measured cells, and the printed counts by data set and name."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("exhibit", "dataset", "model", "metric")
    cells = [
        Cell(*(row[name] for name in names), int(row["k"]), row["value"])
        for row in rows
        if row["k"]
    ]
    counts = {(row["dataset"], row["metric"]): row["value"] for row in rows if not row["k"]}
    known = {key: int(float(value)) for key, value in counts.items() if key[1] in CASES}
    return cells, known


def grouped(cells: Iterable[Cell], key: Callable[[Cell], object]) -> dict[object, list[Cell]]:
    """Put together the cells that have the same key."""
    found = defaultdict(list)
    for cell in cells:
        found[key(cell)].append(cell)
    return found


def series(cells: Iterable[Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Pair each cell with that of the next cut-off of the same run and metric."""
    for line in grouped(cells, lambda cell: (*cell.run, cell.metric)).values():
        yield from pairwise(sorted(line, key=lambda cell: cell.k))


def decimals(cells: Iterable[Cell]) -> Iterator[Finding]:
    """Find cells that are printed with more decimals than their metric is elsewhere in the table, on its data set."""
    for column in grouped(cells, lambda cell: (cell.exhibit, cell.dataset, cell.metric)).values():
        usual = sorted(cell.decimals for cell in column)[len(column) // 2]
        for cell in column:
            if cell.decimals > usual:
                says = f"{cell.decimals} decimals where {cell.metric} has {usual}"
                yield Finding("decimals", cell, says)


def whole_hits(cells: Iterable[Cell], counts: dict[tuple[str, str], int]) -> Iterator[Finding]:
    """Find success rates that no whole number of hits gives, of the printed number of cases or one more or less.

    With so many cases that each number of decimals is some number of hits, nothing can be told.
    """
    asked = [cell for cell in cells if cell.metric == WHOLE]
    for (dataset, name), printed in counts.items():
        here = [cell for cell in asked if cell.dataset == dataset and is_telling(cell, printed)]
        if not here:
            continue
        sizes = (printed, printed + 1, printed - 1)
        size = max(sizes, key=lambda size: sum(is_whole(cell, size) for cell in here))
        off = [cell for cell in here if not is_whole(cell, size)]
        if size != printed:
            fits = f"{len(here) - len(off)} of {len(here)} rates"
            says = f"{fits} are hits out of {size}, not of the {printed} {name} printed"
            yield Finding("hits", here[0], says)
        for cell in off:
            yield Finding("hits", cell, f"no whole number of hits out of {size}")


def is_telling(cell: Cell, size: int) -> bool:
    """Check whether hits lie further apart than printed numbers."""
    return size < 10**cell.decimals


def is_whole(cell: Cell, size: int) -> bool:
    """Check whether some number of hits, divided by the cases, is printed so."""
    return any(
        abs(hits / size - cell.value) <= cell.half + SLACK
        for hits in (floor(cell.value * size), floor(cell.value * size) + 1)
    )


def gains(cells: Iterable[Cell]) -> Iterator[Finding]:
    """Hold what NDCG gains between cut-offs against the hits won there, each of one target at some rank between.

    A hit at rank r adds 1 / log2(r + 1): at most that of the first rank past the lower cut-off, at least that of the
    last rank.
    """
    runs = grouped(cells, lambda cell: cell.run)
    for line in runs.values():
        values = {(cell.metric, cell.k): cell for cell in line}
        for metric in {cell.metric for cell in line if is_gain(cell.metric)}:
            hits = metric.replace("NDCG", "HR", 1)
            cutoffs = sorted(k for name, k in values if name == metric and (hits, k) in values)
            for low, high in pairwise([0, *cutoffs]):
                finding = gain(values, hits, metric, low, high)
                if finding:
                    yield finding


def is_gain(metric: str) -> bool:
    """Check whether a metric is NDCG over ranks: `NDCG@3` of a dialogue is over turns."""
    return metric.partition("_")[0] == "NDCG"


def gain(values: dict, hits: str, metric: str, low: int, high: int) -> Finding | None:
    """Check the gain between two cut-offs; the lower one may be 0, where nothing has been won yet."""
    pairs = [(values[name, high], values.get((name, low))) for name in (hits, metric)]
    won, gained = (now.value - (before.value if before else 0.0) for now, before in pairs)
    slack, own = (now.half + (before.half if before else 0.0) for now, before in pairs)
    least = max(won - slack, 0.0) / log2(high + 1)
    most = (won + slack) / log2(low + 2)
    if least - own - SLACK <= gained <= most + own + SLACK:
        return None
    start = f"from k={low} to k={high}" if low else f"up to k={high}"
    says = f"{start} {hits} rises {won:.4f} but {metric} rises {gained:.4f} (one target: {least:.4f} to {most:.4f})"
    return Finding("gain", pairs[1][0], says)


def falls(cells: Iterable[Cell]) -> Iterator[Finding]:
    """Find metrics that fall where they can only rise."""
    for before, now in series(cells):
        rises = now.metric.partition("_ser")[0] in RISING
        if rises and now.value < before.value - before.half - now.half:
            yield Finding("falls", now, f"{before.text} at {before.k}, {now.text} at {now.k}")


def coverages(cells: Iterable[Cell], novel_share: float) -> Iterator[Finding]:
    """Hold coverage of all items against that of the novel ones: what is left is coverage of the popular."""
    implied: list[Cell] = []
    own = [cell for cell in cells if cell.metric in ("CV_div", "CV_nov")]
    for pair in grouped(own, lambda cell: (*cell.run, cell.k)).values():
        if len(pair) == 2:
            every, novel = sorted(pair, key=lambda cell: cell.metric)
            popular = (every.value - novel_share * novel.value) / (1 - novel_share)
            slack = (every.half + novel_share * novel.half) / (1 - novel_share) + SLACK
            if not -slack <= popular <= 1 + slack:
                says = f"coverage of the popular items would be {popular:.3f}"
                yield Finding("coverage", every, says)
            implied.append(replace(every, text=f"{popular}"))
    for before, now in series(implied):
        if now.value < before.value - 2 * slack:
            says = f"coverage of the popular items would fall from {before.value:.3f} at {before.k} to {now.value:.3f}"
            yield Finding("coverage", replace(now, text=""), says)


def ratios(cells: Iterable[Cell]) -> Iterator[Finding]:
    """Hold the average reward of an episode against its return and its length."""
    for line in grouped(cells, lambda cell: (*cell.run, cell.k)).values():
        found = {cell.metric: cell for cell in line}
        if {"Return", "Length", "AvgReward"} <= found.keys():
            whole, length, mean = (found[name] for name in ("Return", "Length", "AvgReward"))
            least = (whole.value - whole.half) / (length.value + length.half) - mean.half
            most = (whole.value + whole.half) / (length.value - length.half) + mean.half
            if not least - SLACK <= mean.value <= most + SLACK:
                says = f"return divided by length is {whole.value / length.value:.3f}"
                yield Finding("ratio", mean, says)


def improvements(cells: Iterable[Cell]) -> Iterator[Finding]:
    """Compute each printed improvement anew, over every other row of its table: one of them has to fit."""
    known = grouped(cells, lambda cell: (cell.exhibit, cell.dataset, cell.metric, cell.k))
    for cell in cells:
        if not cell.metric.startswith("improvement("):
            continue
        metric = cell.metric.removeprefix("improvement(").removesuffix(")")
        column = known[cell.exhibit, cell.dataset, metric, cell.k]
        own = [one for one in column if one.model == cell.model]
        others = [one for one in column if one.model != cell.model]
        if own and others:
            spans = [percentages(own[0], other) for other in others]
            if not any(low - cell.half <= cell.value <= high + cell.half for low, high in spans):
                near = min(spans, key=lambda span: abs(sum(span) / 2 - cell.value))
                yield Finding(
                    "improvement", cell, f"the nearest of its table is {sum(near) / 2:.2f}"
                )


def percentages(own: Cell, other: Cell) -> tuple[float, float]:
    """Bound the improvement of one printed number over another in per cent."""
    least = (own.value - own.half) / (other.value + other.half) - 1
    return 100 * least, 100 * ((own.value + own.half) / (other.value - other.half) - 1)


def two_values(cells: Iterable[Cell]) -> Iterator[Finding]:
    """Find quantities that two tables print differently."""
    for same in grouped(
        cells, lambda cell: (cell.dataset, cell.model, cell.metric, cell.k)
    ).values():
        for one, other in combinations(same, 2):
            if (
                one.exhibit != other.exhibit
                and abs(one.value - other.value) > one.half + other.half
            ):
                yield Finding("two values", other, f"{one.text} in {one.exhibit}")


def repeated(cells: Iterable[Cell]) -> Iterator[Finding]:
    """Find coverages that are one number, runs of one data set that are equal in all, and ablations that are."""
    for line in grouped(cells, lambda cell: (*cell.run, cell.k)).values():
        covered = [cell for cell in line if cell.metric.startswith("CV_")]
        for one, other in combinations(covered, 2):
            if one.text == other.text:
                yield Finding("repeated", one, f"{other.metric} of this run is the same")
    for here in grouped(cells, lambda cell: cell.dataset).values():
        runs = grouped(here, lambda cell: cell.run)
        printed = {run: {(c.metric, c.k): c.text for c in line} for run, line in runs.items()}
        for one, other in combinations(printed, 2):
            if printed[one] == printed[other] and one[2].split(",")[0] != other[2].split(",")[0]:
                yield Finding(
                    "repeated", runs[other][0], f"all of {one[2]} in {one[0]} is the same"
                )


CHECKS = (decimals, gains, falls, ratios, improvements, two_values, repeated)
