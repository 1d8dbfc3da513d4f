"""The ledger of a study: every printed number beside ours, with a verdict on each cell.

A cell is *reproduced* only on the paper's own data, by trainings that were trained out, and only within the margin that
the study declared beforehand. On a stand-in a number is never called reproduced, however close it is.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from recloop.evaluation.results import Quantity
from recloop.report import interchange, sheet, tables, verdicts
from recloop.report.evidence import Evidence
from recloop.report.known import judge_known
from recloop.report.sizes import size

OURS = {
    **dict.fromkeys(["source", "stand_in"], pl.String),
    **dict.fromkeys(["ours", "sd", "low", "high"], pl.Float64),
    "seeds": pl.Int64,
    **dict.fromkeys(["difference", "margin"], pl.Float64),
    **dict.fromkeys(["status", "why"], pl.String),
}
SPREAD = ("sd", "low", "high", "seeds")  # of ours over seeds, with the 95% interval of the mean
STATUSES = ("reproduced", "different", "not trained out", "stand-in", "no margin", "not run")


def write(evidence: Evidence, output: Path) -> None:
    """Write the verdicts on the claims as Markdown, CSV and JSON, and ledger.csv beside them."""
    output.parent.mkdir(parents=True, exist_ok=True)
    cells, claims = ledger(evidence), verdicts.judge_all(evidence)
    judged = pl.concat([claims, judge_known(evidence)])
    sheet.write(cells, output.with_name("ledger.csv"))
    sheet.write(judged, output.with_name(output.name + ".csv"))
    text = verdicts.markdown(evidence, claims) + "\n" + markdown(cells)
    output.with_name(output.name + ".md").write_text(text, encoding="utf-8")
    interchange.write(evidence, cells, judged, output.with_name(output.name + ".json"))


def ledger(evidence: Evidence) -> pl.DataFrame:
    """Join every printed cell with ours."""
    rows = [beside(evidence, row) for row in evidence.reported.iter_rows(named=True)]
    return pl.concat([evidence.reported, pl.DataFrame(rows, schema=OURS)], how="horizontal")


def beside(evidence: Evidence, row: Mapping) -> dict:
    """Find our number for one printed cell and decide on it."""
    dataset, metric = row["dataset"], row["metric"]
    found = {"source": evidence.source(dataset), "stand_in": evidence.stand_in(dataset)} | measured(
        evidence, row
    )
    differs = evidence.differs(row["exhibit"])
    declared = {} if differs else evidence.study.get("margins", {})
    found["margin"] = margin(declared.get(metric), row["value"])
    if found.get("ours") is not None and not found["stand_in"]:
        found["difference"] = found["ours"] - row["value"]
    waits = evidence.unfinished(dataset, row["model"]) if row["model"] else 0
    return found | decided(found, waits, differs)


def measured(evidence: Evidence, row: Mapping) -> dict:
    """Measure one printed cell: counts come from the split, all else from the scores."""
    if row["k"] is not None:
        quantity = Quantity(row["dataset"], row["model"], row["metric"], row["k"])
        cell = tables.measured(evidence, row["exhibit"], quantity)
        return {name: cell.get(name) for name in ("ours", *SPREAD)} | {"why": cell.get("not_run")}
    ours = size(evidence.split(row["dataset"]), row["metric"])
    return {"ours": ours, "why": "no split" if ours is None else None}


def margin(declared: Mapping | None, value: float) -> float | None:
    """Turn a declared margin into an absolute one."""
    if declared is None:
        return None
    return declared["absolute"] if "absolute" in declared else declared["relative"] * abs(value)


def decided(found: Mapping, unfinished: int = 0, differs: str | None = None) -> dict:
    """Decide on one cell; one that rests on trainings that were not trained out decides nothing.

    Args:
        found: ours and the margin.
        unfinished: trainings that were not trained out.
        differs: how the protocol of the printed number differs from the study's, if it does.
    """
    if found["ours"] is None:
        return {"status": "not run", "why": found["why"]}
    if found["stand_in"]:
        return {"status": "stand-in", "why": f"ours is on {found['source']}: {found['stand_in']}"}
    if found["margin"] is None:
        why = f"printed for: {differs}" if differs else "the study declares none for this metric"
        return {"status": "no margin", "why": why}
    if unfinished:
        return {
            "status": "not trained out",
            "why": f"{unfinished} of its trainings still gained or were lost",
        }
    close = abs(found["difference"]) <= found["margin"] + 1e-12  # 0.02 is not 0.02 in binary
    return {"status": "reproduced" if close else "different", "why": None}


def tally(cells: pl.DataFrame) -> dict[str, int]:
    """Count the cells of each status."""
    found = dict(cells.group_by("status").len().iter_rows())
    return {status: found.get(status, 0) for status in STATUSES}


def markdown(cells: pl.DataFrame) -> str:
    """Sum up the ledger by exhibit and data set."""
    head = ["exhibit", "data set", "printed cells", *STATUSES]
    lines = [
        "## Ledger",
        "",
        f"Every one of the {len(cells)} printed numbers beside ours is in `ledger.csv`, ours with its 95% "
        "interval over seeds.",
        "",
    ]
    lines += [verdicts.pipes(head), verdicts.pipes(["---", "---", *["---:"] * (len(head) - 2)])]
    for (exhibit, dataset), part in cells.group_by("exhibit", "dataset", maintain_order=True):
        lines.append(
            verdicts.pipes([exhibit, dataset, str(len(part)), *map(str, tally(part).values())])
        )
    return "\n".join(lines) + "\n"
