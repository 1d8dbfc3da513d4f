"""Cells, claims and verdicts as one JSON file, in a form that other projects can write for their own papers.

The form is workflow/schemas/verdicts.schema.yaml; docs/verdicts.md explains it. A study has a file of its own, and
`results/claims.json` holds all of them with the schema beside it.
"""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from recloop.report import known, labels, printing, rubric
from recloop.report.evidence import Evidence
from recloop.storage.files import write_json
from recloop.storage.settings import SettingsError, check, load_schema

FORMAT, VERSION = "recloop verdicts", 1
SCHEMA = "verdicts"
CELL = ("exhibit", "dataset", "model", "metric", "k", "ours", "sd", "low", "high", "seeds")
DECIDED = ("difference", "margin", "status", "why")
COMPARED = ("kind", "dataset", "metric", "k", "comparison", "seeds", "effect", "low", "high")
TESTED = ("p_against", "p_against_holm", "unfinished", "verdict", "not_run")
CLOSE = 1e-5  # scores are written with six digits


def write(evidence: Evidence, cells: pl.DataFrame, claims: pl.DataFrame, path: Path) -> None:
    """Write the file of one study, and check it.

    Args:
        evidence: of the study.
        cells: the ledger.
        claims: verdicts on claims and known answers.
        path: the file.
    """
    content = document([of_paper(evidence, cells, claims, path.parent.name)], path.name)
    write_json(path, content)


def read(path: Path) -> dict:
    """Read what is said of one study."""
    return json.loads(path.read_text(encoding="utf-8"))["papers"][0]


def write_all(paths: Iterable[Path], output: Path) -> dict:
    """Put the files of studies together as claims.json, with its schema beside it, and return its content.

    Args:
        paths: claims.json of every study.
        output: the folder.
    """
    content = document(list(map(read, paths)), str(output))
    write_json(output / "claims.json", content)
    write_json(output / f"{SCHEMA}.schema.json", load_schema(SCHEMA))
    return content


def document(papers: list[dict], where: str) -> dict:
    """Wrap what is said of papers; the whole is checked.

    Args:
        papers: as `of_paper` makes them.
        where: the file's name, for errors.
    """
    content = {"format": FORMAT, "version": VERSION, "papers": papers}
    content |= {"rubric": mean_of("all papers", [paper["rubric"] for paper in papers])}
    check_document(content, where)
    return content


def mean_of(name: str, trees: list[dict]) -> dict:
    """Put trees together by their weights, as far as their first level."""
    parts = [{key: tree[key] for key in ("name", "weight", "score", "decided")} for tree in trees]
    whole = sum(part["weight"] for part in parts) or 1.0
    means = {
        key: round(sum(part["weight"] * part[key] for part in parts) / whole, 6)
        for key in ("score", "decided")
    }
    return {"name": name, "weight": 1.0} | means | {"parts": parts}


def of_paper(evidence: Evidence, cells: pl.DataFrame, claims: pl.DataFrame, name: str) -> dict:
    """Say everything about one paper."""
    study = evidence.study
    judged = claims.filter(pl.col("expected").is_null())
    departures = list(study.get("departures", []))
    tree = rubric.of_study(name, cells, judged, departures, evidence.details)
    found = {
        "id": name,
        "title": study.get("title", name),
        "citation": study.get("citation", "").strip(),
        "run": {"tier": evidence.tier.get("tier"), "seeds": evidence.tier.get("seeds", [])},
        "data": [data(evidence, key) for key in study["datasets"]],
        "cells": [cell(row) for row in cells.iter_rows(named=True)],
        "claims": [claim(rows) for _, rows in judged.group_by("id", maintain_order=True)],
        "known_answers": known_answers(claims.filter(pl.col("expected").is_not_null())),
        "departures": departures,
        "details": [vars(one) for one in evidence.details],
        "rubric": tree.as_dict(),
    }
    return finite(found)


def data(evidence: Evidence, name: str) -> dict:
    """Say which data played a data set of the paper, and with which seeds."""
    found = {"id": name, "label": labels.dataset(evidence.study, name)}
    found |= {"source": evidence.source(name), "stand_in": evidence.stand_in(name)}
    runs = evidence.results.frame.filter(pl.col("dataset") == name)
    return found | {"seeds": runs["seed"].unique().sort().to_list()}


def cell(row: Mapping) -> dict:
    """Say what became of one printed number."""
    found = {name: row[name] for name in CELL + DECIDED}
    return found | {"printed": row["value"], "doubtful": printing.doubtful(row)}


def claim(rows: pl.DataFrame) -> dict:
    """Say what was found about one claim, with every comparison."""
    first = rows.row(0, named=True)
    compared = [
        {name: row[name] for name in (*COMPARED, *TESTED)}
        | {"stand_in": row["stand_in"], "in_print": row["printed"]}
        for row in rows.iter_rows(named=True)
    ]
    about = {name: first[name] for name in ("id", "claim", "strength")}
    about |= {
        "made_in": first["origin"],
        "verdict": first["claim_verdict"],
        "power": first["power"],
    }
    return about | {"comparisons": compared}


def known_answers(rows: pl.DataFrame) -> list[dict]:
    """Say whether what the embedded worlds plant was found."""
    parts = [part for _, part in rows.group_by("id", maintain_order=True)]
    return [
        {"id": part["id"][0], "planted": part["planted"][0], "expected": part["expected"][0]}
        | {"verdict": part["claim_verdict"][0], "as_planted": known.is_right(part)}
        for part in parts
    ]


def finite(content: Any) -> Any:
    """Put null in the place of numbers that JSON does not have."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def check_document(content: object, where: str) -> None:
    """Stop at the first fault of a file of verdicts, ours or another project's.

    Raises:
        SettingsError: it is not of the schema, names one thing twice, or a score is not the mean of its parts.
    """
    check(content, SCHEMA, where)
    for paper in content["papers"]:
        names = [one["id"] for one in paper["claims"]]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise SettingsError(f"{where}: {paper['id']}: the claim {twice} stands twice")
        check_tree(paper["rubric"], f"{where}: {paper['id']}")
    check_tree(content["rubric"], where)


def check_tree(tree: Mapping, where: str) -> None:
    """Stop where a score is not the weighted mean of its parts.

    Raises:
        SettingsError: says which, what came and what was expected.
    """
    parts = tree.get("parts", [])
    for part in parts:
        check_tree(part, f"{where}: {tree['name']}")
    whole = sum(part["weight"] for part in parts)
    for key in ("score", "decided") if whole else ():
        mean = sum(part["weight"] * part[key] for part in parts) / whole
        if abs(mean - tree[key]) > CLOSE:
            says = f"{key} {tree[key]:g}, but its parts have {mean:g}"
            raise SettingsError(f"{where}: {tree['name']}: {says}")


def summary(content: Mapping) -> list[str]:
    """Sum a file up, a line for each paper."""
    return [
        f"{paper['id']}: {len(paper['cells'])} cells, {len(paper['claims'])} claims, "
        f"score {rubric.percent(paper['rubric']['score'])}, "
        f"decided {rubric.percent(paper['rubric']['decided'])}"
        for paper in content["papers"]
    ]
