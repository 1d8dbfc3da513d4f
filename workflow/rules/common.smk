"""Binds the plan (recloop/studies.py) to Snakemake: the only rule file with functions.

PATHS

    data/raw/{source}                                      raw files
    data/tables/{source}-{key}/                            tidy tables
    data/sessions/{source}-{key}/                          sessions in three parts
    results/{study}/runs/{dataset}/{model}/{seed}-{key}/   one trained model
    results/{study}/scores/{dataset}/{model}/{seed}-{key}/ its ranks, lists and metrics
    results/{study}/{exhibit}                              a table or figure of a paper

A key is the hash of everything the result depends on.
"""

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

from recloop.data.sources import is_whole
from recloop.report.stamp import is_current, seal
from recloop.settings import SettingsError
from recloop.studies import Plan


def typed(value):
    """Read what the command line gives as text: `seeds=[1,2]`, `datasets=null`."""
    if isinstance(value, list):
        return [typed(one) for one in value]
    text = isinstance(value, str)
    if text and re.fullmatch(r"\d+", value):
        return int(value)
    return None if text and value in ("null", "None") else value


config.update({key: typed(value) for key, value in config.items()})

try:
    PLAN = Plan(config)
except SettingsError as error:
    sys.exit(f"recloop: {error}")

GPU = config["device"] == "cuda" or (
    config["device"] == "auto" and shutil.which("nvidia-smi") is not None
)
DEVICE = "cuda" if GPU else "cpu"
THREADS = PLAN.tier["threads"]
JOB = f"{sys.executable} -S workflow/scripts/warm.py workflow/scripts"

RUN = "results/{study}/runs/{dataset}/{model}/{seed}-{key}"
LISTS = "results/{study}/scores/{dataset}/{model}/{seed}-{key}"
TABLE = [".md", ".tex", ".csv"]
FIGURE = [".pdf", ".svg", ".png", ".csv"]


wildcard_constraints:
    study=r"\w+",
    seed=r"\d+",
    key="[0-9a-f]{8}",
    code="[0-9a-f]{8}",
    name=r"(table|figure)_\w+",
    source=r"\w+(-[0-9a-f]{8})?",


def build_index():
    """Look up by place: which run, which data set. Places hold keys, so that nothing has to be parsed."""
    runs, data = {}, {}
    for study in PLAN.studies:
        for dataset in PLAN.datasets(study):
            for place in (PLAN.raw, PLAN.tables, PLAN.sessions):
                data[place(study, dataset)] = (study, dataset)
        for run in PLAN.study_runs(study):
            wanted = {run, PLAN.trained(run), PLAN.judge(run)}
            wanted |= {needed for one in wanted if (needed := PLAN.vectors(one))}
            for one in wanted:
                runs[PLAN.run(PLAN.trained(one))] = PLAN.trained(one)
            runs[PLAN.lists(run)] = run
    return runs, data


try:
    RUNS, DATA = build_index()
except SettingsError as error:
    sys.exit(f"recloop: {error}")


def run_of(pattern):
    """Give a function from wildcards to the run at that place."""

    def find(wildcards):
        place = pattern.format(**wildcards)
        if place not in RUNS:
            raise SettingsError(
                f"{place} is not part of the present plan: its settings, code or data have changed"
            )
        return RUNS[place]

    return find


trained_run, listed_run = run_of(RUN), run_of(LISTS)


def recipe(kind):
    """Give a function from wildcards to what the plan says about a folder below data/."""
    return lambda wildcards: PLAN.recipe(*DATA[f"data/{kind}/{wildcards.source}"])


def raw_seal(source):
    """Give a file for `fetch` to depend on: ancient, and brand-new when a raw file is not what was fetched."""
    raw = Path(f"data/raw/{source}")
    place = Path(f".recloop/keys/raw/{source}")
    place.parent.mkdir(parents=True, exist_ok=True)
    whole = not (raw / "fetched.json").exists() or is_whole(raw)
    place.write_text("whole" if whole else f"changed, seen {time.time()}")
    if whole:
        os.utime(place, (1, 1))
    return str(place)


def sessions(run):
    """Give the folder of the split that a run uses."""
    return PLAN.sessions(run.study, run.dataset)


def needed_vectors(run):
    """Give the weights whose item table a run works with, if it does."""
    needed = PLAN.vectors(run)
    return f"{PLAN.run(needed)}/weights.safetensors" if needed else []


def settings_of(run, *parts):
    """Give the resolved settings of a run as JSON."""
    settings = PLAN.settings(run.study, run.dataset, run.model)
    return json.dumps({part: settings[part] for part in parts})


def report_of(study, name):
    """Give the keywords of the report functions for a table, a figure, the claims or (no name) the page."""
    settings = {
        "study": PLAN.studies[study],
        "tier": PLAN.described_tier(study),
        "into": f"results/{study}/{name}" if name else f"results/{study}",
    }
    return settings | ({"name": name} if name in PLAN.exhibits(study) else {})


def exhibit_input(study, name):
    """Give the scores, splits and records that an exhibit draws on, and the seal that keeps it current."""
    if name in PLAN.exhibits(study):
        runs = PLAN.exhibit_runs(study, name)
    else:
        runs = PLAN.study_runs(study)
    key = PLAN.exhibit_key(study, name)
    return {
        "scores": [PLAN.scores(run) for run in runs],
        "runs": sorted({f"{PLAN.run(PLAN.trained(run))}/run.json" for run in runs}),
        "splits": sorted(
            {f"{PLAN.sessions(study, dataset)}/split.json" for dataset in PLAN.datasets(study)}
        ),
        "seal": seal(
            Path(f"results/{study}/.made/{name}.json"), key, Path(f".recloop/keys/{study}/{name}")
        ),
    }


def exhibit_files(study):
    """Give every file of every table and figure of a study."""
    paper = PLAN.studies[study]
    return [f"results/{study}/{name}{end}" for name in paper["tables"] for end in TABLE] + [
        f"results/{study}/{name}{end}" for name in paper["figures"] for end in FIGURE
    ]


def has_page(study):
    """Say whether the page of a study is there and belongs to the present plan."""
    return is_current(Path(f"results/{study}/.made/page.json"), PLAN.exhibit_key(study, "page"))
