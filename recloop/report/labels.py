"""How models, data sets, metrics and the origin of numbers are written for people."""

import re
from collections.abc import Iterable, Iterator, Mapping

import polars as pl

from recloop.evaluation import records
from recloop.evaluation.metric import TURN
from recloop.plan.names import RunName
from recloop.report.evidence import Evidence

WHOLE = ("sequences", "items", "interactions", "vocabulary")


def model(study: Mapping, name: str) -> str:
    """Write a model's name: the label of the study, then the overrides."""
    run = RunName.parse(name)
    known = study["models"] | study.get("simulators", {})
    label = known.get(run.key, {}).get("label", run.key)
    changes = (f"{key}={value}".replace("_", " ") for key, value in run.overrides)
    return ", ".join([label, *changes])


def variant(study: Mapping, names: Mapping[str, str], name: str) -> str | None:
    """Write a model's name with what `names` call its override; None where they do not name it."""
    key, _, override = name.partition(",")
    return f"{model(study, key)} {names[override]}" if override in names else None


def dataset(study: Mapping, name: str) -> str:
    """Write the name of a data set."""
    entry = study["datasets"].get(name, {}) if isinstance(study["datasets"], Mapping) else {}
    return entry.get("label", name)


def exhibit(name: str) -> str:
    """Write the name of an exhibit as printed: `table_4_3` is Table 4.3."""
    return name.replace("_", " ", 1).replace("_", ".").capitalize()


def source(entry: Mapping) -> str:
    """Write where an exhibit comes from, and how the protocol of its printed numbers differs if it does."""
    differs = entry.get("protocol")
    return f"{entry['source']}; printed numbers: {differs}" if differs else entry["source"]


def metric(name: str, k: int | None = None) -> str:
    """Write a metric with its cut-off (R@10), its turn (SR cold, turn 10), or alone where it has neither (k = 0)."""
    found = records.record(name)
    if found and found.unit == TURN and k is not None:
        return f"{name.replace('_', ' ')}, turn {k}"
    label = name.replace(found.name, found.label, 1) if found and found.label else name
    return label + (f"@{k}" if k else "")


def count(name: str) -> str:
    """Write the name of a count of a data set: #train users."""
    words = name.replace("_", " ")
    if "_per_" in name:
        return words
    return f"{words} sequence" if name in ("shortest", "longest") else f"#{words}"


def formula(name: str, k: int) -> str:
    """Write a metric for a figure, what follows its underscores as an index; of `gain (true)` what is in brackets."""
    if bracket := re.search(r"\((.+)\)", name):
        return bracket[1]
    return re.sub(r"_(\w+)@", lambda found: f"$_\\mathrm{{{spaced(found[1])}}}$@", metric(name, k))


def spaced(text: str) -> str:
    """Part the words of an index: `purchase_new` is no index of an index."""
    return text.replace("_", "\\ ")


def digits(name: str) -> int:
    """Look up with how many decimals a metric is printed."""
    if name.startswith("improvement("):
        return 2
    if name.startswith("users("):
        return 0
    found = records.record(name)
    return found.digits if found else 0 if name in WHOLE else 4


def indexed(text: str) -> str:
    """Write what follows the underscore of a word as an index, for figures: GRU_hist."""
    return re.sub(r"_([\w+\-]+)", lambda found: f"$_\\mathrm{{{dashed(found[1])}}}$", text)


def dashed(text: str) -> str:
    """Keep a hyphen from becoming a minus sign in a formula, and a plus from spreading."""
    return text.replace("-", "{\\text{-}}").replace("+", "{+}")


def origin(evidence: Evidence, name: str) -> str:
    """Describe the data behind the numbers of a data set: `shop_clicks, stand-in for RC15`."""
    label, source = dataset(evidence.study, name), evidence.source(name)
    if not source:
        return f"{label}: not run"
    return (
        f"{label}: {source}, stand-in for {label}"
        if evidence.stand_in(name)
        else f"{label}: {source}"
    )


def panel_title(evidence: Evidence, name: str) -> str:
    """Describe the data of a panel in few words: `RC15 (stand-in: shop_clicks)`."""
    label, source = dataset(evidence.study, name), evidence.source(name)
    return f"{label} (stand-in: {source})" if source and evidence.stand_in(name) else label


def stamp(evidence: Evidence, datasets: Iterable[str], told: Iterable[int] = ()) -> str:
    """One line that says where the numbers come from: tier, data, seeds, splits.

    Args:
        evidence: of the study.
        datasets: that the numbers are of.
        told: seeds of the runs behind them, where these have no scores.
    """
    datasets = list(datasets)
    frame = evidence.results.frame.filter(evidence.results.frame["dataset"].is_in(datasets))
    known = frame["seed"].unique().sort().to_list()
    seeds = sorted(told) or known or evidence.tier.get("seeds", [])
    hashes = [f"{name} {split['hash'][:8]}" for name in datasets if (split := evidence.split(name))]
    parts = [f"tier {evidence.tier['tier']}", *(origin(evidence, name) for name in datasets)]
    word = "seed" if len(seeds) == 1 else "seeds"
    fewer = [f"{name}: {count}" for name, count in fewer_seeds(evidence.study, frame, len(seeds))]
    within = f" ({', '.join(fewer)})" if fewer else ""
    parts += [f"{word} {', '.join(map(str, seeds))}{within}"] if seeds else []
    return "; ".join(parts + ([f"splits {', '.join(hashes)}"] if hashes else []))


def fewer_seeds(study: Mapping, frame: pl.DataFrame, most: int) -> Iterator[tuple[str, int]]:
    """Name the data sets with fewer than `most` seeds, and the fewest of any run, a sweep's, where fewer still."""
    counts = frame.group_by("dataset", "model").agg(pl.col("seed").n_unique())
    largest = dict(counts.group_by("dataset").agg(pl.col("seed").max()).rows())
    for name in study["datasets"]:
        if largest.get(name, most) < most:
            yield dataset(study, name), largest[name]
    if (fewest := counts["seed"].min()) is not None and fewest < min(most, *largest.values()):
        yield "sweeps", fewest
