"""Binds the plan (recloop/plan/) to Snakemake: the only rule file with functions.

PATHS

    data/raw/{source}                                      raw files
    data/tables/{source}-{key}/                            tidy tables
    data/sessions/{source}-{key}/                          sessions in three parts
    data/catalogues/{source}-{key}/                        items with pictures or titles alone, attributes and words
    data/dialogues/{source}-{key}/                         who looks for what, with which past
    data/encoders/{encoder}-{key}/                         encoders that the workflow trains itself
    data/features/{source}-{key}/{encoder}-{key}/          pictures as an encoder sees them
    data/corpora/{source}-{key}/                           texts of items
    data/language_models/{model}-{key}/                    language models that the workflow trains itself
    data/states/{source}-{key}/{model}-{key}/              texts as a language model reads them
    data/pairs/{source}-{key}/                             pairs of answers in three parts
    data/readings/{source}-{key}/                          sentences whose reading was measured, in three parts
    data/gaze/{source}-{key}/{model}-{key}/                what a reader says of the answers
    data/item_tokens/{source}-{key}/{model}-{key}/         a token of a language model for each item
    data/contents/{source}-{key}/                          titles and pictures of the items of a split
    data/networks/{network}-{key}/                         networks of words or pictures that the workflow trains itself
    data/levels/{source}-{key}/{network}-{key}/            items as a frozen network makes them, level by level
    data/simulators/{source}-{key}/{user}-{key}/           simulated users
    data/preferences/{source}-{key}/{user}-{key}/          what a language model says that users prefer
    data/answers/                                          what language models answered, by model
    data/user_models/{source}-{key}/{user}-{key}/          models of users, whose scores are rewards
    data/feedback/{source}-{key}/{user}-{key}/             an environment's answers to a log
    data/experience/{source}-{key}/{log}-{key}/            logged sessions that runs collected
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

from snakemake.logging import logger

from recloop.data.sources import is_whole
from recloop.fitting.launch import processes_of
from recloop.plan import Plan, device, exhibits, failures, slurm
from recloop.plan.batches import Batch, arguments as given, batches
from recloop.plan.checks import check_plan
from recloop.plan.config import check_folders, read_config
from recloop.plan.processes import check_gpus
from recloop.plan.stamp import is_current, seal
from recloop.storage import slots
from recloop.storage.files import write_text
from recloop.storage.settings import SettingsError

failures.listen(logger)

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

if workflow.is_main_process:
    os.environ["RECLOOP_RUN"] = str(os.getpid())  # warm processes stay until it is over

if "SLURM_JOB_ID" in os.environ:
    slurm.pass_on()
    shell.prefix(slurm.PREFIX)

GPU = DEVICE == "cuda"
if GPU and workflow.resource_settings.nodes is None:  # a cluster lends its GPUs itself
    os.environ.setdefault(slots.NAMES, ",".join(device.names()))
THREADS = PLAN.tier["threads"]
WARM = f"{shlex.quote(sys.executable)} -S workflow/scripts/warm.py"
JOB = f"{WARM} workflow/scripts"
LANGUAGE_JOB = f"{WARM} --language workflow/scripts"
REPORT_JOB = f"{WARM} --report workflow/scripts"

SESSIONS = "data/sessions/{source}"
CATALOGUE = "data/catalogues/{source}"
DIALOGUES = "data/dialogues/{source}"
ENCODER = "data/encoders/{encoder}-{key}"
FEATURES = "data/features/{source}/{encoder}-{key}"
CORPUS = "data/corpora/{source}"
LANGUAGE_MODEL = "data/language_models/{model}-{key}"
STATES = "data/states/{source}/{model}-{key}"
PAIRS = "data/pairs/{source}"
READINGS = "data/readings/{source}"
GAZE = "data/gaze/{source}/{model}-{key}"
ITEM_TOKENS = "data/item_tokens/{source}/{model}-{key}"
CONTENTS = "data/contents/{source}"
NETWORK = "data/networks/{network}-{key}"
LEVELS = "data/levels/{source}/{network}-{key}"
EXPERIENCE = "data/experience/{source}/{log}-{key}"
USER = "data/simulators/{source}/{user}-{key}"
PREFERENCES = "data/preferences/{source}/{user}-{key}"
USER_MODEL = "data/user_models/{source}/{user}-{key}"
FEEDBACK = "data/feedback/{source}/{user}-{key}"
VALIDITY = "results/{study}/validity/{dataset}/{user}-{key}/validity.parquet"
TABLE = [".md", ".tex", ".compact.tex", ".csv"]
FIGURE = [".pdf", ".svg", ".png", ".csv"]


wildcard_constraints:
    study=r"\w+",
    key="[0-9a-f]{8}",
    name=r"(table|figure)_\w+",
    source=r"\w+(-[0-9a-f]{8})?",
    encoder=r"\w+",
    model=r"\w+",
    network=r"\w+",
    user=r"\w+",
    log=r"[^/]+",


try:
    DATA = PLAN.shared_data()
    JUDGED = {one.path: one for one in (PLAN.validity(*user) for user in PLAN.wanted_users())}
except SettingsError as error:
    sys.exit(f"recloop: {error}")


def read_batches():
    """Put runs into jobs; a job takes over what the process that started it, perhaps elsewhere, had planned."""
    if not workflow.is_main_process:
        return [Batch(**one) for one in json.loads(Path(".recloop/jobs/batches.json").read_text())]
    found = list(batches(PLAN))
    check_sizes(found)
    for batch in found:
        keep(batch.name, batch.tasks)
    keep("batches", [vars(batch) for batch in found])
    return found


def check_sizes(found):
    """Stop where a training on this machine would have more processes than GPUs."""
    shared = (one.settings.get("settings", {}) for one in DATA.values())
    most = max([one.processes for one in found] + [processes_of(one) for one in shared])
    given = workflow.global_resources.get("gpu")
    if GPU and given is not None and workflow.resource_settings.nodes is None:
        try:
            check_gpus(most, int(given.value))
        except SettingsError as error:
            sys.exit(f"recloop: {error}")


def keep(name, content):
    """Write down what a job is given, where a command line would be too long; return its path."""
    file, text = Path(f".recloop/jobs/{name}.json"), json.dumps(content)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write_text(file, text)
    return str(file)


def data(pattern):
    """Return a function from wildcards to the declaration of a folder below data/."""

    def find(wildcards):
        place = pattern.format(**wildcards)
        if place not in DATA:
            raise SettingsError(
                f"{place} is not part of the present plan: its settings, code or data have changed"
            )
        return DATA[place]

    return find


raw, tables = data("data/raw/{source}"), data("data/tables/{source}")
sessions, dialogues, catalogue = data(SESSIONS), data(DIALOGUES), data(CATALOGUE)
encoder, features, simulator = data(ENCODER), data(FEATURES), data(USER)
pairs, readings, gaze = data(PAIRS), data(READINGS), data(GAZE)
preferences, user_model = data(PREFERENCES), data(USER_MODEL)
experience = data(EXPERIENCE)
corpus, language_model, states = data(CORPUS), data(LANGUAGE_MODEL), data(STATES)
item_tokens, feedback = data(ITEM_TOKENS), data(FEEDBACK)
contents, network, levels = data(CONTENTS), data(NETWORK), data(LEVELS)


def shared_by(find, each):
    """Make a function from wildcards to what all processes of the training that `find` declares take, so much each."""
    return lambda wildcards: each * processes_of(find(wildcards).settings["settings"])


def judged_user(wildcards):
    """Return the declaration of the measures of a simulated user."""
    return JUDGED[VALIDITY.format(**wildcards)]


def raw_seal(source):
    """Return a file for `fetch` to depend on: old, and new when a raw file is not what was fetched."""
    raw = Path(f"data/raw/{source}")
    place = Path(f".recloop/keys/raw/{source}")
    place.parent.mkdir(parents=True, exist_ok=True)
    manifest, memory = DATA[str(raw)].settings["source"], place.with_suffix(".json")
    whole = not (raw / "fetched.json").exists() or is_whole(raw, manifest, memory)
    place.write_text("whole" if whole else f"changed, seen {time.time()}")
    if whole:
        os.utime(place, (1, 1))
    return str(place)


def flags(settings):
    """Write command-line arguments, leaving out what is not there; dictionaries as JSON."""
    given = {name: value for name, value in settings.items() if value not in (None, {})}
    texts = {name: json.dumps(v) if isinstance(v, dict) else v for name, v in given.items()}
    return " ".join(f"--{name} {shlex.quote(str(text))}" for name, text in texts.items())


def arguments(artifact, **more):
    """Write the command-line arguments of a job: the settings and the inputs of what it makes."""
    return flags(artifact.settings | artifact.notes | artifact.folders | more)


def reader(artifact):
    """Return how a job is started: with a language model's packages loaded where it needs them."""
    return LANGUAGE_JOB if "item_tokens" in artifact.inputs else JOB


def folder(output):
    """Return the folder that a job fills."""
    return Path(output[0]).parent


def priority(study):
    """Return the priority of a study's jobs: studies run in order, each page in its turn."""
    return len(PLAN.studies) - list(PLAN.studies).index(study)


# Data are as urgent as the first study that needs them: else a later study would take the processors.
URGENCY = {}
for study in reversed(list(PLAN.studies)):
    URGENCY |= dict.fromkeys(PLAN.shared_data([study]), priority(study) + 0.5)  # before its runs


def urgency(find):
    """Make a function from wildcards to the priority of the data that `find` declares."""
    return lambda wildcards: URGENCY[find(wildcards).path]


# Snakemake lists a folder once: a seal that the first look at another one does not find is missing for it.
SEALED = [f"{study}/{name}" for study in PLAN.studies for name in PLAN.made(study)]
for name in (*SEALED, "front"):
    place = Path(f".recloop/keys/{name}")
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.touch()


def exhibit_input(study, name):
    """Return the scores, splits and records behind an exhibit, and the seal that keeps it current."""
    stamp = Path(f"results/{study}/.made/{name}.json")
    place = Path(f".recloop/keys/{study}/{name}")
    return exhibits.evidence(PLAN, study, name) | {
        "seal": seal(stamp, PLAN.exhibit(study, name).key, place)
    }


def exhibit_job(study, name, output):
    """Write down for the job of an exhibit what it draws on and what it makes; return its path."""
    made = {"stamp": output.stamp, "key": PLAN.exhibit(study, name).key, "files": output[:-1]}
    return keep(f"{study}-{name}", {"settings": exhibits.job(PLAN, study, name), "made": made})


def front_job(output):
    """Write down for the job of the front page what it draws on and what it makes; return its path."""
    studies = {}
    for study, paper in PLAN.studies.items():
        runs = PLAN.trainings(PLAN.exhibit_sources(study, "page")[0])
        studies[study] = {
            "title": paper.get("title", study),
            "datasets": PLAN.described_tier(study)["datasets"],
            "runs": sorted(f"{PLAN.weights(run).path}/run.json" for run in runs),
        }
    settings = {"studies": studies, "output": "results"}
    settings |= {"tier": {"tier": config["tier"], "seeds": PLAN.seeds}}
    settings |= {"sources": PLAN.sources(), "work": exhibits.steps(PLAN)}
    made = {"stamp": output.stamp, "key": PLAN.front.key, "files": output[:-1]}
    return keep("front", {"settings": settings, "made": made})


def exhibit_files(study):
    """List every file of every table and figure of a study."""
    paper = PLAN.studies[study]
    return [f"results/{study}/{name}{end}" for name in paper["tables"] for end in TABLE] + [
        f"results/{study}/{name}{end}" for name in paper["figures"] for end in FIGURE
    ]


def dialogue_files(study):
    """List the page of a study's dialogues, where it has some."""
    return [f"results/{study}/dialogues.html"] if PLAN.is_told(study) else []


def has_page(study):
    """Check whether the page of a study is there and belongs to the present plan."""
    return is_current(Path(f"results/{study}/.made/page.json"), PLAN.exhibit(study, "page").key)
