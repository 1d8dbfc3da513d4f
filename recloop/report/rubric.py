"""How much of a paper is reproduced, as a tree of weighted leaves: printed cells, claims, settings and departures.

All weights and credits stand in this file. A node's score is the mean of its parts by their weights, from 0 to 1;
`decided` is the share of its weight that an answer on the paper's own data has settled, one way or the other. A leaf
that ran without being reproduced has `RAN`, whatever kept it: a stand-in, a training that was not trained out, no
declared margin, or another number. Only a reproduced cell, or a claim that holds on the paper's own data, earns more.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from recloop.evaluation.claims import UNFINISHED, conjunction
from recloop.plan.details import Detail
from recloop.report.outline import Grid, Part
from recloop.report.printing import number

BRANCHES = {"printed numbers": 4.0, "claims": 4.0, "method": 2.0}
STRENGTHS = {"significant": 2.0, "trend": 1.0, None: 1.0}  # of claims
DEPARTURE, DETAIL, CELL = 2.0, 1.0, 1.0
RAN = 0.1
CREDITS = {
    **{"reproduced": 1.0, "different": RAN, "not trained out": RAN},
    **{"stand-in": RAN, "no margin": RAN, "not run": 0.0},
    **{"holds": 1.0, "fails": RAN, "undecided": RAN, UNFINISHED: RAN},
    **{"stated in the paper": 1.0, "in its code alone": 0.5, "stated nowhere": 0.0},
    **{"departs": 0.0},
}
DECIDED = {"reproduced", "different", "holds", "fails", "stated in the paper", "departs"}
DECIDED |= {"in its code alone", "stated nowhere"}
ORIGINS = {"paper": "stated in the paper", "code": "in its code alone"}
HEAD = ("part", "weight", "leaves", "score", "decided")
TEXT = (
    "A reproduced number, and a claim that holds on the paper's own data, counts whole; what ran and is not reproduced "
    "(on a stand-in, not trained out, without a margin, or different) counts a tenth; what was not run counts nothing. "
    "A setting counts whole if the paper states it, half if only its code does; a departure counts nothing. *Decided* "
    "is the share that was settled at all. Weights: `recloop/report/rubric.py`."
)


@dataclass(frozen=True)
class Node:
    """A part of the tree; one without parts is a leaf and has a status.

    Attributes:
        name: unique among its neighbours.
        weight: among its neighbours.
        parts: what it is made of.
        status: of a leaf, a key of `CREDITS`.
    """

    name: str
    weight: float
    parts: tuple["Node", ...] = ()
    status: str | None = None

    @property
    def score(self) -> float:
        """The credit of a leaf, or the weighted mean of the parts."""
        return CREDITS[self.status] if self.status else self.mean(lambda part: part.score)

    @property
    def decided(self) -> float:
        """The share that is settled."""
        settled = float(self.status in DECIDED)
        return settled if self.status else self.mean(lambda part: part.decided)

    @property
    def leaves(self) -> int:
        """How many leaves it has, itself if it is one."""
        return 1 if self.status else sum(part.leaves for part in self.parts)

    def mean(self, of: Callable[["Node"], float]) -> float:
        """Average over the parts by their weights; nothing is worth nothing."""
        whole = sum(part.weight for part in self.parts)
        return sum(part.weight * of(part) for part in self.parts) / whole if whole else 0.0

    def as_dict(self) -> dict:
        """Write the tree as JSON has it."""
        found = {"name": self.name, "weight": self.weight, "score": round(self.score, 6)}
        found |= {"decided": round(self.decided, 6)}
        if self.status:
            return found | {"status": self.status}
        return found | {"parts": [part.as_dict() for part in self.parts]}


def of_study(
    name: str,
    cells: pl.DataFrame,
    judged: pl.DataFrame,
    departures: Iterable[str],
    details: Iterable[Detail],
) -> Node:
    """Build the tree of a study; branches about which there is nothing to say are left out.

    Args:
        name: of the study.
        cells: the ledger.
        judged: verdicts on the comparisons of all claims; those that are ours alone are not the paper's.
        departures: from the paper.
        details: numbers of its settings.
    """
    found = {
        "printed numbers": tuple(of_cells(cells)),
        "claims": tuple(of_claims(judged)),
        "method": (*of_details(details), *of_departures(departures)),
    }
    branches = [Node(key, BRANCHES[key], parts) for key, parts in found.items() if parts]
    return Node(name, 1.0, tuple(branches))


def of_studies(studies: Iterable[Node]) -> Node:
    """Put the trees of studies together; each counts alike."""
    return Node("all studies", 1.0, tuple(studies))


def of_cells(cells: pl.DataFrame) -> Iterator[Node]:
    """Make a part of every exhibit that prints numbers; it weighs as many cells as it has."""
    for (exhibit,), rows in cells.group_by("exhibit", maintain_order=True):
        names = unique(map(cell_name, rows.iter_rows(named=True)))
        leaves = [
            Node(name, CELL, status=status)
            for name, status in zip(names, rows["status"], strict=True)
        ]
        yield Node(exhibit, CELL * len(leaves), tuple(leaves))


def cell_name(row: Mapping) -> str:
    """Name a printed cell within its exhibit."""
    at = f"@{row['k']}" if row["k"] is not None else ""
    return "/".join(filter(None, [row["dataset"], row["model"], f"{row['metric']}{at}"]))


def unique(names: Iterable[str]) -> list[str]:
    """Count up where a name stands twice."""
    seen: dict[str, int] = defaultdict(int)
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def of_claims(judged: pl.DataFrame) -> Iterator[Node]:
    """Make a part of every claim of the paper, with a leaf for each of its data sets."""
    for (name,), rows in judged.group_by("id", maintain_order=True):
        if rows["origin"][0] == "ours":
            continue
        leaves = [
            Node(dataset, 1.0, status=claim_status(part))
            for (dataset,), part in rows.group_by("dataset", maintain_order=True)
        ]
        yield Node(name, STRENGTHS[rows["strength"][0]], tuple(leaves))


def claim_status(rows: pl.DataFrame) -> str:
    """Decide a claim on one data set; a stand-in decides nothing about the paper."""
    verdict = conjunction(rows["verdict"].to_list())
    return "stand-in" if rows["stand_in"][0] and verdict != "not run" else verdict


def of_details(details: Iterable[Detail]) -> Iterator[Node]:
    """Make a leaf of every numbered setting, by where it comes from."""
    for one in details:
        status = ORIGINS.get(one.origin, "stated nowhere")
        yield Node(f"paper.yaml:{one.line}", DETAIL, status=status)


def of_departures(departures: Iterable[str]) -> Iterator[Node]:
    """Make a leaf of every departure."""
    for place, _ in enumerate(departures, start=1):
        yield Node(f"departure {place}", DEPARTURE, status="departs")


def section(tree: Mapping) -> list[Part]:
    """Show a tree to the second level.

    Args:
        tree: as `Node.as_dict` writes it.
    """
    rows = [row(tree, "**whole**")]
    for branch in tree["parts"]:
        rows.append(row(branch, f"**{branch['name']}**"))
        rows += [row(part, part["name"]) for part in branch.get("parts", []) if "parts" in part]
    return [TEXT, Grid(HEAD, rows)]


def row(tree: Mapping, name: str) -> list[str]:
    """Write one part of a tree."""
    return [name, f"{tree['weight']:g}", str(count(tree)), *map(percent, scores(tree))]


def scores(tree: Mapping) -> tuple[float, float]:
    """Return score and share decided."""
    return tree["score"], tree["decided"]


def percent(share: float) -> str:
    """Write a share in per cent."""
    return f"{number(100 * share, 1)}%"


def count(tree: Mapping) -> int:
    """Count the leaves."""
    return sum(map(count, tree["parts"])) if "parts" in tree else 1
