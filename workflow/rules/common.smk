"""Binds the plan (recloop/plan.py) to Snakemake: the only rule file with functions.

PATHS

    data/raw/{source}                                      raw files
    data/tables/{source}-{key}/                            tidy tables
    data/sessions/{source}-{key}/                          sessions in three parts
    data/catalogues/{source}-{key}/                        items with pictures, attributes and words
    data/dialogues/{source}-{key}/                         who looks for what, with which past
    data/encoders/{encoder}-{key}/                         encoders that the workflow trains itself
    data/features/{source}-{key}/{encoder}-{key}/          pictures as an encoder sees them
    data/simulators/{source}-{key}/{user}-{key}/           simulated users
    results/{study}/runs/{dataset}/{model}/{seed}-{key}/   one trained model
    results/{study}/scores/{dataset}/{model}/{seed}-{key}/ its ranks, lists and metrics
    results/{study}/{exhibit}                              a table or figure of a paper

A key is the hash of everything the result depends on.
"""

import json
import os
import re
import shlex
import sys
import time
from pathlib import Path

from recloop.data.sources import is_whole
from recloop.plan import Plan, device
from recloop.plan.checks import check_plan
from recloop.plan.config import check_folders, read_config
from recloop.plan.stamp import is_current, seal
from recloop.plan.studies import PARTS
from recloop.storage.settings import SettingsError


try:
    check_folders(Path.cwd())
    config.update(read_config(config, workflow.configfiles))
    PLAN = Plan(config)
    check_plan(PLAN)
    DEVICE, remark = device.choose(config["device"], workflow.resource_settings.nodes is None)
except SettingsError as error:
    sys.exit(f"recloop: {error}")
if remark:
    print(remark, file=sys.stderr)

GPU = DEVICE == "cuda"
THREADS = PLAN.tier["threads"]
JOB = f"{sys.executable} -S workflow/scripts/warm.py workflow/scripts"
LANGUAGE_JOB = f"{sys.executable} -S workflow/scripts/warm.py --language workflow/scripts"

RUN = "results/{study}/runs/{dataset}/{model}/{seed}-{key}"
LISTS = "results/{study}/scores/{dataset}/{model}/{seed}-{key}"
SESSIONS = "data/sessions/{source}"
CATALOGUE = "data/catalogues/{source}"
DIALOGUES = "data/dialogues/{source}"
ENCODER = "data/encoders/{encoder}-{key}"
FEATURES = "data/features/{source}/{encoder}-{key}"
USER = "data/simulators/{source}/{user}-{key}"
VALIDITY = "results/{study}/validity/{dataset}/{user}-{key}/validity.parquet"
TABLE = [".md", ".tex", ".csv"]
FIGURE = [".pdf", ".svg", ".png", ".csv"]


wildcard_constraints:
    study=r"\w+",
    seed=r"\d+",
    key="[0-9a-f]{8}",
    code="[0-9a-f]{8}",
    name=r"(table|figure)_\w+",
    source=r"\w+(-[0-9a-f]{8})?",
    encoder=r"\w+",
    user=r"\w+",


def build_index():
    """Look up runs by place; places hold keys, so that nothing has to be parsed."""
    runs = {}
    for study in PLAN.studies:
        for run in PLAN.all_runs(study):
            runs[PLAN.run(PLAN.trained(run))] = PLAN.trained(run)
            runs[PLAN.lists(run)] = run
    return runs


try:
    RUNS, RECIPES = build_index(), PLAN.recipes()
    USERS = {
        PLAN.validity(study, *pair): PLAN.user_recipe(study, *pair)
        for study in PLAN.studies
        for pair in PLAN.study_users(study)
    }
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


def recipe(pattern):
    """Give a function from wildcards to what a folder below data/ is made of."""
    return lambda wildcards: RECIPES[pattern.format(**wildcards)]


raw_recipe, tables_recipe = recipe("data/raw/{source}"), recipe("data/tables/{source}")
sessions_recipe, dialogues_recipe = recipe(SESSIONS), recipe(DIALOGUES)
catalogue_recipe, encoder_recipe = recipe(CATALOGUE), recipe(ENCODER)
features_recipe, user_recipe = recipe(FEATURES), recipe(USER)


def raw_seal(source):
    """Give a file for `fetch` to depend on: ancient, and brand-new when a raw file is not what was fetched."""
    raw = Path(f"data/raw/{source}")
    place = Path(f".recloop/keys/raw/{source}")
    place.parent.mkdir(parents=True, exist_ok=True)
    manifest = RECIPES[str(raw)]["manifest"]
    whole = not (raw / "fetched.json").exists() or is_whole(raw, manifest)
    place.write_text("whole" if whole else f"changed, seen {time.time()}")
    if whole:
        os.utime(place, (1, 1))
    return str(place)


RECORDS = {
    "raw": "fetched.json",
    "tables": "read.json",
    "sessions": "split.json",
    "catalogues": "catalogue.json",
    "dialogues": "split.json",
    "encoders": "encoder.json",
    "features": "features.json",
    "simulators": "simulator.json",
}


def records(folders):
    """Give the file that says a folder is whole, for every folder of data."""
    return [f"{folder}/{RECORDS[folder.split('/')[1]]}" for folder in folders if folder]


def weights_of(runs):
    """Give the weights of runs, by what another run does with them."""
    return {
        role: f"{PLAN.run(PLAN.trained(run))}/weights.safetensors" for role, run in runs.items()
    }


def judged_user(wildcards):
    """Give what a simulated user is made of and what it is judged with."""
    return USERS[VALIDITY.format(**wildcards)]


def judging_data(wildcards):
    """Give the folders that judging a simulated user reads."""
    roles = ("dialogues", "catalogue", "features", "grid", "simulator", "encoder_folder")
    return [judged_user(wildcards)[role] for role in roles]


def split_of(run):
    """Give the folder of the split that a run uses."""
    return PLAN.split(run.study, run.dataset)


def judges(run):
    """Give the run that measures how alike listed items are, where the study has one."""
    judge = PLAN.judge(run)
    return {"judge": judge} if judge else {}


def flags(settings):
    """Write command-line arguments, leaving out what is not there; dictionaries as JSON."""
    given = {name: value for name, value in settings.items() if value not in (None, {})}
    texts = {name: json.dumps(v) if isinstance(v, dict) else v for name, v in given.items()}
    return " ".join(f"--{name} {shlex.quote(str(text))}" for name, text in texts.items())


def settings_of(run):
    """Give the resolved settings of a run as JSON, with those of its encoder and its simulated user."""
    settings = PLAN.settings(run.study, run.dataset, run.model)
    return json.dumps({part: settings[part] for part in PARTS} | PLAN.environment(run))


def job_of(run):
    """Give the command of a job: dialogues need a text encoder, whose package takes seconds to load."""
    return JOB if PLAN.task(run.study) == "sequences" else LANGUAGE_JOB


def report_of(study, name):
    """Give the keywords of the report functions for a table, a figure, the claims or (no name) the page."""
    return {
        "study": PLAN.studies[study],
        "tier": PLAN.described_tier(study),
        "output": f"results/{study}/{name}" if name else f"results/{study}",
    }


def exhibit_input(study, name):
    """Give the scores, splits and records that an exhibit draws on, and the seal that keeps it current."""
    if name in PLAN.exhibits(study):
        runs = PLAN.exhibit_runs(study, name)
    else:
        runs = PLAN.study_runs(study)
    key = PLAN.exhibit_key(study, name)
    return {
        "scores": PLAN.exhibit_scores(study, name),
        "runs": sorted({f"{PLAN.run(PLAN.trained(run))}/run.json" for run in runs}),
        "splits": sorted(
            {f"{PLAN.split(study, dataset)}/split.json" for dataset in PLAN.worlds(study)}
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
