"""Which data a study was run on, and what its metrics count."""

from collections.abc import Mapping

from recloop.evaluation import records
from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.outline import Grid, Part
from recloop.report.printing import number
from recloop.report.sizes import size

DATA = (
    *("paper's data set", "used here", "what it is", "sessions", "items", "interactions"),
    *("unseen targets", "split"),
)
UNSEEN = (
    "*Unseen targets*: how many of the test events ask for an item that no training session shows. They are ranked and "
    "count like all others."
)


def section(evidence: Evidence) -> list[Part]:
    """List which data were used, how many of their test targets training never shows, and what metrics count."""
    rows = [row(evidence, name) for name in evidence.study["datasets"]]
    entries = [*evidence.study["tables"].values(), *evidence.study["figures"].values()]
    asked = [name for entry in entries for name in entry.get("metrics", [])]
    known = records.describe(name.rpartition("@")[0] for name in asked)
    lines = [f"**{name}**: {text}" for name, text in known.items()]
    return [Grid(DATA, rows), UNSEEN, *([lines] if lines else [])]


def row(evidence: Evidence, name: str) -> list[str]:
    """Describe one data set."""
    label, source = labels.dataset(evidence.study, name), evidence.source(name)
    if not source:
        return [label, "–", f"not run: {evidence.why_dataset(name)}", *["–"] * 5]
    split, stand_in = evidence.split(name), evidence.stand_in(name)
    mine = "data of your own" if evidence.data(name).get("own") else "the paper's own data"
    what = f"**stand-in**: {stand_in}" if stand_in else mine
    title = evidence.data(name).get("title")
    used = f"{source} ({title})" if title else source
    metrics = ("sequences", "items", "interactions")
    sizes = [number(size(split, metric), 0) or "–" for metric in metrics]
    rest = [unseen(split), f"`{split['hash'][:12]}`"] if split else ["–", "–"]
    return [label, used, what, *sizes, *rest]


def unseen(split: Mapping) -> str:
    """Write which share of the test targets no training session shows; a dash where it is not known."""
    share = split.get("leakage", {}).get("unseen_targets_test")
    return "–" if share is None else f"{100 * share:.1f}%"
