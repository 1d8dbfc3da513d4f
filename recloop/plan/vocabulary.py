"""Names of metrics and of kinds of exhibits, read off the source that declares them: importing it takes longer."""

import ast
import functools
import re

from recloop.plan.signatures import modules
from recloop.storage.fingerprint import source_of
from recloop.storage.settings import SettingsError, nearest, only_known

RECORDS, FILTERS = "recloop.evaluation.records", "recloop.evaluation.filters"
EXHIBITS = "recloop.report.exhibits"
GROUPS = ("cold", "warm")  # of users, behind a metric of dialogues
OF_RUNS = ("grid", "changes", "sweep", "gains", "subsets")  # kinds whose metrics have records


@functools.cache
def tree(module: str) -> ast.Module:
    """Parse a module of recloop."""
    return ast.parse(source_of(module).read_text(encoding="utf-8"))


@functools.cache
def metric_names() -> tuple[str, ...]:
    """List the metrics that have a record; `NDCG@3` and the like are declared together."""
    kinds = [tree(f"{RECORDS}.{kind}") for kind in modules(RECORDS)]
    calls = (node for kind in kinds for node in ast.walk(kind) if isinstance(node, ast.Call))
    named = [call.args[0] for call in calls if is_record(call) and call.args]
    return tuple(one.value for one in named if isinstance(one, ast.Constant))


def is_record(call: ast.Call) -> bool:
    """Check whether a call makes the record of a metric."""
    return isinstance(call.func, ast.Name) and call.func.id == "Metric"


@functools.cache
def filter_names() -> tuple[str, ...]:
    """List the filters of metrics: those by a column, by what training shows, and the inverse share."""
    found: dict[str, object] = {}
    for node in tree(FILTERS).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    keys = [*found["COLUMNS"].keys, *found["SHOWN"].keys]
    words = [found[key.id] if isinstance(key, ast.Name) else key for key in keys]
    return tuple(word.value for word in (*words, found["INVERSE"]))


def check_metric(metric: str, where: str) -> None:
    """Stop at a metric without a record, or at one with an unknown filter.

    Args:
        metric: with its cut-off or turn, such as `HR_purchase@10`.
        where: the exhibit or claim, for errors.
    """
    base = re.sub(r"@\d+$", "", metric)
    if base in metric_names() or re.fullmatch(rf"NDCG@\d+(_({'|'.join(GROUPS)}))?", base):
        return
    name, *filters = base.split("_")
    if name not in metric_names():
        raise SettingsError(f"{where}: no metric '{base}'{nearest(base, metric_names())}")
    only_known(f"{where}: '{metric}'", filters, (*filter_names(), *GROUPS))


def check_kind(entry: dict, where: str) -> None:
    """Stop at an exhibit of a kind that there is not, or without a keyword that its kind needs."""
    kind = entry["kind"]
    if "." in kind:
        return
    only_known(f"{where}: kind", [kind], modules(EXHIBITS))
    for node in tree(f"{EXHIBITS}.{kind}").body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "NEEDS":
            for key in ast.literal_eval(node.value):
                if key not in entry:
                    raise SettingsError(f"{where}: kind {kind} lacks '{key}'")
