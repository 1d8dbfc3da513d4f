"""The claims of a study with their verdicts, beside what the printed numbers themselves say."""

from collections.abc import Callable, Mapping

import polars as pl

from recloop.evaluation.claims import (
    UNFINISHED,
    all_count,
    by_dataset,
    claim_verdict,
    conjunction,
    examine,
)
from recloop.plan.names import RunName
from recloop.report import labels
from recloop.report.evidence import Evidence
from recloop.report.printing import number, pipes

SCHEMA = {
    **dict.fromkeys(
        ["id", "claim", "strength", "origin", "kind", "dataset", "source", "stand_in"], pl.String
    ),
    "metric": pl.String,
    "k": pl.Int64,
    "comparison": pl.String,
    "seeds": pl.Int64,
    **dict.fromkeys(["effect", "low", "high"], pl.Float64),
    **dict.fromkeys(["leans", "certain"], pl.Boolean),
    **dict.fromkeys(["p_against", "p_against_holm", "distance"], pl.Float64),
    **dict.fromkeys(["verdict", "not_run"], pl.String),
    **dict.fromkeys(["unfinished", "printed"], pl.Boolean),
    "claim_verdict": pl.String,
    "power": pl.Float64,  # of the whole claim
    **dict.fromkeys(["planted", "expected"], pl.String),  # of known answers only
}
ORDER = ("holds", "holds in part", "undecided", UNFINISHED, "fails", "not run")
SIGNS = {
    "holds": "✔",
    "holds in part": "✔",
    "fails": "✘",
    "undecided": "○",
    UNFINISHED: "○",
    "not run": "–",
}


def judge_all(evidence: Evidence) -> pl.DataFrame:
    """Judge every comparison of every claim; one row per comparison, with the verdict on its claim."""
    rows = [
        row
        for name, claim in evidence.study["claims"].items()
        for row in judged(evidence, name, claim, evidence.unfinished)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def judged(
    evidence: Evidence, name: str, claim: Mapping, unfinished: Callable = all_count
) -> list[dict]:
    """Judge one claim; see `examine` for `unfinished`, without which all trainings count."""
    where, silent = claim.get("printed_in"), evidence.says_nothing(name)
    why = (lambda quantity: silent) if silent else evidence.why
    printed = evidence.printed_in([where]) if where else evidence.printed
    rows = examine(claim, evidence.points, evidence.sampling, printed, why, unfinished)
    whole = claim_verdict(pl.DataFrame(rows, infer_schema_length=None))
    about = {
        "id": name,
        "claim": claim["claim"],
        "strength": claim.get("strength"),
        "origin": claim["source"],
    }
    return [
        about | row | ground(evidence, row["dataset"]) | {"claim_verdict": whole} for row in rows
    ]


def ground(evidence: Evidence, dataset: str) -> dict:
    """Return the data on which a comparison was judged."""
    return {"source": evidence.source(dataset), "stand_in": evidence.stand_in(dataset)}


def tally(judged: pl.DataFrame) -> dict[str, int]:
    """Count the claims by verdict."""
    verdicts = [part["claim_verdict"][0] for _, part in judged.group_by("id", maintain_order=True)]
    return {verdict: verdicts.count(verdict) for verdict in ORDER if verdict in verdicts}


def total(judged: pl.DataFrame) -> str:
    """Write how many claims got which verdict."""
    found = "; ".join(f"{verdict}: {count}" for verdict, count in tally(judged).items())
    return f"{judged['id'].n_unique()} claims. {found[:1].upper()}{found[1:]}."


def markdown(evidence: Evidence, judged: pl.DataFrame) -> str:
    """Write the claims as a Markdown table."""
    datasets = judged["dataset"].unique(maintain_order=True).to_list()
    head = ["claim", "verdict", "by data set", "comparisons", "worst comparison", "printed numbers"]
    parts = [f"_{labels.stamp(evidence, datasets)}_", total(judged)]
    parts += [warning(evidence, datasets)] if any(map(evidence.stand_in, datasets)) else []
    parts += one_seed(judged)
    rows = [pipes(head), pipes(["---"] * len(head))]
    for (name,), part in judged.group_by("id", maintain_order=True):
        rows.append(
            pipes(
                [
                    f"**{name}** {part['claim'][0]} ({part['origin'][0]})",
                    *summary(evidence.study, part),
                ]
            )
        )
    return "\n\n".join(["# Claims", *parts, "\n".join(rows), LEGEND]) + "\n"


LEGEND = (
    "A claim holds if the 95% interval of every comparison (bootstrap over sessions and seeds; for coverage, halves of "
    "the sessions) is on the claimed side, fails if one is on the other side at p < 0.05 after Holm's correction over "
    "those that decide, and is undecided otherwise. `not trained out`: it rests on a training that was still "
    "gaining when its budget ended. `one seed`: another seed may decide otherwise. `in part`: some of its data sets "
    "were not run. *Comparisons*: how many lie on the claimed side, and how many of those with their whole interval; "
    "*power*, where there are several and all are printed: the chance that all would in another run of this size, if "
    "every effect were the printed one brought to our level. "
    "*Printed numbers*: the same checks on the values that the paper prints. Every comparison is in `claims.csv`."
)


def warning(evidence: Evidence, datasets: list[str]) -> str:
    """Warn that a verdict on a stand-in is about the stand-in."""
    names = [labels.origin(evidence, name) for name in datasets if evidence.stand_in(name)]
    return f"**Verdicts on a stand-in are about the stand-in, not about the paper's data**: {'; '.join(names)}."


def one_seed(judged: pl.DataFrame) -> list[str]:
    """Write how many comparisons rest on one seed."""
    single = judged.filter(pl.col("seeds") == 1)
    ran = judged["seeds"].drop_nulls().len()
    text = f"{len(single)} of {ran} comparisons rest on one seed: their intervals hold the sampling of sessions only."
    return [text] if len(single) else []


def summary(study: Mapping, rows: pl.DataFrame) -> list[str]:
    """Sum up one claim: verdict, per data set, counts, worst comparison, printed numbers."""
    per_set = [
        of_dataset(study, rows.filter(dataset=name), verdicts)
        for name, verdicts in by_dataset(rows).iter_rows()
    ]
    return [
        qualified(rows["claim_verdict"][0], rows),
        "<br>".join(per_set),
        agreeing(rows) + power(rows),
        worst(study, rows),
        in_print(rows),
    ]


def qualified(verdict: str, rows: pl.DataFrame) -> str:
    """Say beside a decision that it rests on one seed: one comparison that a claim needs, or all that contradict it."""
    if not verdict.startswith(("holds", "fails")):
        return verdict
    single = rows.filter(verdict=verdict.removesuffix(" in part"))["seeds"] == 1
    rests = single.all() if verdict == "fails" else single.any()
    return f"{verdict} (one seed)" if rests else verdict


def of_dataset(study: Mapping, rows: pl.DataFrame, verdicts: list[str]) -> str:
    """Write the verdict on one data set."""
    name, verdict = labels.dataset(study, rows["dataset"][0]), conjunction(verdicts)
    if verdict == "not run":
        gap = "not run" if set(verdicts) == {"not run"} else "in part not run"
        return f"{name}: {gap} ({rows['not_run'].drop_nulls()[0]})"
    stand_in = f" (stand-in {rows['source'][0]})" if rows["stand_in"][0] else ""
    return f"{name}{stand_in}: {qualified(verdict, rows)}"


def agreeing(rows: pl.DataFrame) -> str:
    """Count the comparisons on the claimed side."""
    ran = rows.filter(pl.col("not_run").is_null())
    return (
        f"{ran['leans'].sum()} of {len(ran)}, {ran['certain'].sum()} certain" if len(ran) else "–"
    )


def power(rows: pl.DataFrame) -> str:
    """Write of several comparisons the chance that all of them would be certain, where it is known."""
    chance, several = rows["power"][0], rows["not_run"].null_count() > 1
    return f"; power {100 * chance:.0f}%" if several and chance is not None else ""


def worst(study: Mapping, rows: pl.DataFrame) -> str:
    """Describe the comparison most against the claim, with its effect and interval."""
    ran = rows.filter(pl.col("not_run").is_null())
    if ran.is_empty():
        return "–"
    row = ran.row(ran["distance"].arg_min(), named=True)
    effect, low, high = (
        number(row[name], labels.digits(row["metric"])) for name in ("effect", "low", "high")
    )
    metric = labels.metric(row["metric"], row["k"])
    where = f"{labels.dataset(study, row['dataset'])} {metric}"
    return f"{where}, {named(study, row['comparison'])}: {effect} [{low}, {high}]"


def named(study: Mapping, comparison: str) -> str:
    """Write the models of a comparison with their labels."""
    words = comparison.split(" ")
    known = [RunName.parse(word).key in study["models"] for word in words]
    return " ".join(
        labels.model(study, word) if is_model else word
        for word, is_model in zip(words, known, strict=True)
    )


def in_print(rows: pl.DataFrame) -> str:
    """Sum up what the printed numbers answer to the claim."""
    answers = rows["printed"].drop_nulls()
    if answers.is_empty():
        return "not checkable (figure or text only)"
    if answers.all():
        return f"holds in {len(answers)} of {len(answers)}"
    return f"fails in {(~answers).sum()} of {len(answers)}: {', '.join(contradicting(rows))}"


def contradicting(rows: pl.DataFrame) -> list[str]:
    """List the comparisons that the printed numbers contradict."""
    against = rows.filter(~pl.col("printed"))
    return [
        f"{row['dataset']} {row['metric']}@{row['k']} {row['comparison']}"
        for row in against.iter_rows(named=True)
    ]
