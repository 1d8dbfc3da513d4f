"""Copies of the project in which a test may run, change and break the workflow."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = ["Snakefile", "config.yaml", "dvc.yaml", ".dvcignore"]
FOLDERS = ["profiles", "recloop", "sources", "studies", "tiers", "workflow"]
KNOWN = ROOT / ".recloop/code.json"
SWEEP = re.compile(r"\{([^,}]*),([^,}]*),.*\}")  # of which two values are enough
DATASETS = {
    "modt4r": "retailrocket",
    "gommir": "shoes",
    "hdt": "album",
    "intent": "views",
    "ialp": "coat",
    "lea": "lfm",
    "iisan": "scientific",
    "persoma": "movielens",
}  # one study per way to train
LONG = ("gaze", "offline_tir", "pdit_gim", "transrec")  # which .ci/run makes whole instead
TINY = ["--config", "tier=smoke", "seeds=[1]", "device=cpu"]
KEPT = {
    "modt4r": {"popularity", "sasrec", "smorl", "modt4r"},
    "gommir": {"dm", "dm_mbpi", "deers", "gommir"},
    "hdt": {"popularity", "{host}", "{host}_hier", "{host}_hdt", "gru4rec_hdt"},
    "intent": {"popularity", "{host}_context", "{host}_intent", "sasrec_context", "sasrec_intent"},
    "ialp": {"random", "dqn", "ialp", "true_ialp", "true_ft"},
    "lea": {"popularity", "{host}", "sasrec", "sasrec_sa2c", "sasrec_sa2c_leasr"}
    | {"le_itself", "le_itself,environment=recommender"},
    "iisan": {"popularity", "frozen", "fft", "iisan"},
    "persoma": {"popularity", "counting", "probe", "mlp"},
}
CLAIMED = {  # a model, one that it should beat, and in what
    "modt4r": ("modt4r", "sasrec", "HR@10"),
    "gommir": ("gommir", "dm", "SR@10"),
    "hdt": ("gru4rec_hdt", "gru4rec_hier", "UP@10"),
    "intent": ("sasrec_intent", "sasrec_context", "HR@10"),
    "ialp": ("true_ft", "random", "Return@0"),
    "lea": ("sasrec_sa2c_leasr", "sasrec_sa2c", "HR@10"),
    "iisan": ("iisan", "frozen", "HR@10"),
    "persoma": ("mlp", "popularity", "MicroF1@0"),
}


class Project:
    """A copy of the project and what a user does in it.

    Attributes:
        root: its folder.
        settings: how snakemake is called, after the targets.
        packages: a folder with packages of the user's own.
    """

    def __init__(self, root: Path, settings: list[str], packages: Path | None = None):
        self.root, self.settings, self.packages = root, settings, packages
        for file in FILES:
            shutil.copyfile(ROOT / file, root / file)
        for folder in FOLDERS:
            shutil.copytree(
                ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__")
            )
        if KNOWN.exists():  # what code means, by its hash: each copy would parse all of it anew
            (root / KNOWN.parent.name).mkdir()
            shutil.copyfile(KNOWN, root / KNOWN.parent.name / KNOWN.name)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a user who has not been here before; the code is the copy's."""
        places = os.pathsep.join(str(place) for place in (self.root, self.packages) if place)
        own = {"PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": ""}
        inherited = {
            k: v for k, v in os.environ.items() if k not in ("RECLOOP_WARM", "SLURM_JOB_ID")
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return inherited | own | {"PATH": path}

    def call(self, *command: str) -> subprocess.CompletedProcess:
        """Run a command in the project; errors and output together in `stdout`."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.run(command, cwd=self.root, env=self.environment, **pipes)

    def run(self, *words: str) -> tuple[int, str]:
        """Run Snakemake; give its exit code and what it printed.

        Tests that `call` have a process of their own, as a user has; here its packages are loaded already.
        """
        call = {"words": words, "folder": str(self.root)}
        with NamedTemporaryFile("r") as output:
            call |= {"environment": self.environment, "output": output.name}
            print(json.dumps(call), file=planner().stdin, flush=True)
            return int(planner().stdout.readline()), output.read()

    def snakemake(self, *targets: str) -> str:
        """Run the workflow with the settings of the project; give what it printed."""
        code, printed = self.run(*targets, *self.settings)
        assert code == 0, printed[-5000:]
        return printed

    def plan(self, *targets: str) -> set[str]:
        """Say which jobs a run would do, as their messages: `train sasrec on …, seed 1`."""
        printed = self.snakemake(*targets, "--dry-run", "--quiet", "host")
        messages = re.findall(r"^Job \d+: (.*)$", printed, re.MULTILINE)
        return {job for message in messages for job in each_run(message)}

    def edit(self, path: str, change) -> None:
        """Replace a file's text by what `change` makes of it."""
        file = self.root / path
        file.write_text(change(file.read_text()))

    def edit_yaml(self, path: str, change) -> None:
        """Replace a file's settings by what `change` makes of them."""
        self.edit(path, lambda text: yaml.safe_dump(change(yaml.safe_load(text)), sort_keys=False))


@cache
def planner() -> subprocess.Popen:
    """Start what runs Snakemake without loading its packages each time, see planner.py."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    own = os.environ | {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": ""}
    started = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("planner.py")], env=own, **pipes
    )
    atexit.register(started.communicate)
    return started


@pytest.fixture(scope="session")
def untouched(tmp_path_factory) -> Project:
    """The project as cloned; nothing has been made."""
    return Project(tmp_path_factory.mktemp("untouched project ü"), [])


@pytest.fixture(scope="session")
def copied(tmp_path_factory):
    """Give a function that makes another tiny project, with some changes to its settings."""

    def copied(*changes: str) -> Project:
        return Project(tmp_path_factory.mktemp("copied project ü"), [*TINY, *changes])

    return copied


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Project:
    """The project after a whole run: what some studies show of one tiny world each, with few models."""
    project = Project(tmp_path_factory.mktemp("built project ü"), TINY)
    project.edit_yaml("config.yaml", lambda config: config | {"studies": list(DATASETS)})
    for study in DATASETS:
        folder = f"studies/{study}"
        project.edit_yaml(f"{folder}/exhibits.yaml", partial(shortened, study=study))
        project.edit_yaml(f"{folder}/claims.yaml", partial(claimed, study=study))
        project.edit_yaml(f"{folder}/tiers.yaml", partial(alone, study=study))
    project.snakemake()
    return project


def each_run(message: str) -> list[str]:
    """Spread the message of a batch, `rank and evaluate on …: sasrec seed 1; smorl seed 1`, over its runs."""
    found = re.fullmatch(r"((?:train|rank|evaluate)[a-z, ]*) on ([^:]+): (.*)", message)
    if not found:
        return [message]
    steps, where, runs = re.split(", | and ", found[1]), found[2], found[3].split("; ")
    pairs = [run.split(" seed ") for run in runs]
    return [f"{step} {model} on {where}, seed {seed}" for step in steps for model, seed in pairs]


def alone(tiers: dict, study: str) -> dict:
    """Keep one data set of a study."""
    datasets, dataset = tiers["smoke"]["datasets"], DATASETS[study]
    tiers["smoke"]["datasets"] = {dataset: datasets[dataset]}
    if study == "ialp":
        tiers["smoke"]["simulators"]["logs"]["user_model"] = "deepfm"  # so that there is one
    if study == "modt4r":
        tiers["smoke"]["absent"] = {f"{dataset}_temporal": "left out here"}
    return tiers


def shortened(paper: dict, study: str) -> dict:
    """Keep an exhibit of each kind about a data set, and of its models and sweeps what shows each kind of job."""
    for part in ("tables", "figures"):
        here = {
            name: entry
            for name, entry in paper[part].items()
            if DATASETS[study] in entry.get("datasets", DATASETS.values())
        }
        first = {entry["kind"]: name for name, entry in reversed(here.items())}
        paper[part] = {name: here[name] for name in here if name in first.values()}
    for entry in [*paper["tables"].values(), *paper["figures"].values()]:
        if "show_attend_tell" in entry.get("simulators", []):
            entry["simulators"] = ["show_attend_tell", "attributes"]
        for part in [entry, *entry.get("panels", [])]:
            if "{host}" in str(part.get("models")):
                part["hosts"] = ["gru4rec"]
            for role in ("models", "simple"):
                if role in part:
                    part[role] = few(part[role], KEPT[study], CLAIMED[study][0])
    for figure in paper["figures"].values():
        panels = figure.pop("panels", [])
        figure |= {} if "models" in figure else {"panels": panels[:1]} if panels else {}
    return paper


def claimed(_: dict, study: str) -> dict:
    """Claim one thing about what is kept."""
    ours, theirs, metric = CLAIMED[study]
    check = {
        "kind": "ordering",
        "models": [ours],
        "than": [theirs],
        "datasets": [DATASETS[study]],
        "metrics": [metric],
    }
    claim = {"claim": "It is best", "source": "Table 1", "strength": "trend", "checks": [check]}
    return {f"{study}-03": claim}


def few(models: list[str], kept: set[str], ours: str) -> list[str]:
    """Keep the main models among some, variants that are named or the study's first, and two values of a sweep."""
    known = [SWEEP.sub(r"{\1,\2}", model) for model in models if model.split(",")[0] in kept]
    variants = [model for model in known if "," in model]
    first = [model for model in variants if model.split(",")[0] == ours][:1]
    return [model for model in known if model not in variants or model in kept.union(first)]


@pytest.fixture
def changed(built):
    """Change a file of the built project for one test only: `changed(path, change)`."""
    before = {}

    def change(path: str, how) -> None:
        file = built.root / path
        before.setdefault(file, (file.read_bytes(), file.stat()))
        built.edit(path, how)

    yield change
    for file, (content, state) in before.items():
        file.write_bytes(content)
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
