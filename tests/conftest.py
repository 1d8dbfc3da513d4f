"""What tests share: ring world, whose answer is known, and every model of every study in a small size.

Nothing of recloop is imported at the top: types are checked only in what is imported after the hooks below.
"""

import copy
import functools
import gc
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from beartype import BeartypeConf
from beartype.claw import beartype_package
from hypothesis import settings as hypothesis
from jaxtyping import install_import_hook

gc.disable()  # while all is loaded
ROOT = Path(__file__).parents[1]
hypothesis.register_profile("ours", deadline=None)  # no test asserts a time
hypothesis.load_profile("ours")
ITEMS, LENGTH, DIM = 20, 6, 16


def shaped() -> list[str]:
    """List the modules of recloop that name shapes, or types that are not there when they run."""
    special = re.compile("jaxtyping|TYPE_CHECKING|F821")
    files = [file for file in (ROOT / "recloop").rglob("*.py") if special.search(file.read_text())]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names]


# Every call of recloop is held against its types. To keep shapes apart costs a call some microseconds, and to plan is a
# million calls: only the modules above pay for it.
# A whole number is a float, as PEP 484 has it; of a sequence the first item is looked at, not one drawn by chance, so
# that a commit passes always or never.
TYPES = {"is_pep484_tower": True, "is_random": False}
beartype_package("recloop", conf=BeartypeConf(claw_is_pep526=False, **TYPES))
install_import_hook(shaped(), f"beartype.beartype(conf=beartype.BeartypeConf(**{TYPES}))")

# Small frames gain nothing from more threads either, see `one_thread`; what tests start has as many as it would have.
with pytest.MonkeyPatch.context() as patched:
    patched.setenv("POLARS_MAX_THREADS", "1")
    pl.thread_pool_size()  # it looks once


def plan_for(**changes):
    """Plan all studies as config.yaml does, in the smoke tier, with some changes."""
    from recloop.plan import Plan

    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    return Plan(config | {"studies": "all", "tier": "smoke"} | changes)


@functools.cache
def every_model() -> dict[str, dict]:
    """Resolve each model and each trained ablation of each study, for the first of its data sets."""
    plan, found = plan_for(), {}
    for study, paper in plan.studies.items():
        runs = [plan.trained(run).model for run in plan.study_runs(study)]
        for model in dict.fromkeys([*paper["models"], *runs]):
            settings = plan.settings(study, plan.datasets(study)[0], model)
            found[f"{study}:{model}"] = shrink(settings)
    return found


def shrink(settings: dict) -> dict:
    """Make a model small enough for a test, whatever the paper says about its width."""
    small = copy.deepcopy(settings)
    for part in (small["model"], small["model"].get("backbone", {})):
        part |= {"dim": DIM} if "dim" in part else {}
    return small


LOGGED = ("supervised", "intents")  # loops over windows of sessions
IN_TRAINING = {"placebo", "target_dropout"}  # keywords that matter to a loss alone


def distinct(models: dict[str, dict], learns: bool) -> dict[str, dict]:
    """Keep the models that bring a new method or a new backbone; studies share some, and sweeps only change numbers.

    Two that differ only in how they learn are one where nothing `learns`.
    """
    kept, known = {}, set()
    left_out = {"judged_on"} if learns else {"judged_on"} | IN_TRAINING
    for name, settings in models.items():
        method = settings["model"] | settings["inference"] | {"loop": settings["training"]["loop"]}
        backbone = method.pop("backbone", {"class": method["class"]})
        method = {key: value for key, value in method.items() if key not in left_out}
        if new := {shape(method), shape(backbone)} - known:
            known |= new
            kept[name] = settings
    return kept


def shape(settings: object) -> str:
    """Write settings down without the numbers in them, but for whether they are zero: that may leave parts out."""
    if isinstance(settings, dict):
        return str(sorted((key, shape(value)) for key, value in settings.items()))
    if isinstance(settings, int | float) and not isinstance(settings, bool):
        return "some" if settings else "zero"
    return str(settings)


def pytest_generate_tests(metafunc):
    """Run a test that asks for one of these over the models of that kind; main models are no ablations."""
    kinds = {
        "any_model": lambda name, loop: loop in (*LOGGED, "peers", "nonparametric"),
        "dialogue_model": lambda name, loop: loop == "dialogue",
        "trained_model": lambda name, loop: loop in LOGGED,
        "trained_main_model": lambda name, loop: loop in LOGGED and "," not in name,
        "nonparametric_model": lambda name, loop: loop == "nonparametric",
        "user_model": lambda name, loop: loop == "users",
    }
    for kind in kinds.keys() & set(metafunc.fixturenames):
        chosen = {
            name: settings
            for name, settings in every_model().items()
            if kinds[kind](name, settings["training"]["loop"])
        }
        if kind != "dialogue_model":
            chosen = distinct(chosen, learns=kind.startswith("trained"))
        metafunc.parametrize(kind, list(chosen.values()), ids=list(chosen))


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the marks in its own
def pytest_collection_modifyitems(items):
    """Keep tests that share what is slow to make in one of several pytest processes, so that it is made once.

    Tests that run the workflow come first, then the longest group: a long one that starts last would leave the other
    processes idle.
    """
    rooms = {item: item.path.relative_to(ROOT / "tests").parts[0] for item in items}
    for item, room in rooms.items():
        group = "built" if "built" in item.fixturenames else room
        if group in ("built", "report", "features"):
            item.add_marker(pytest.mark.xdist_group(group))
    early = {"workflow": 0, "tasks": 0, "commands": 0, "report": 1}
    items.sort(key=lambda item: early.get(rooms[item], 2))


def pytest_collection_finish():
    """Look for garbage only in what tests make: what was loaded until now stays, and is a great deal."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Small tensors gain nothing from more, and other processes are slowed down."""
    from recloop.fitting import processor

    processor.use(1)


@pytest.fixture(scope="session")
def plan():
    """Give a function that plans all studies, with changes to config.yaml; the same changes give the same plan.

    Tests that change a plan, or what it reads, ask for their `own_plan`.
    """
    shared = functools.cache(lambda changes: plan_for(**json.loads(changes)))
    return lambda **changes: shared(json.dumps(changes, sort_keys=True))


@pytest.fixture(scope="session")
def own_plan():
    """Give a function that plans all studies anew, with changes to config.yaml."""
    return plan_for


@pytest.fixture(scope="session")
def facts() -> dict:
    """What a data set says about itself, in ring world."""
    vectors = torch.randn(ITEMS, 8, generator=torch.Generator().manual_seed(7))
    counts = torch.arange(1, ITEMS + 1)
    known = {"item_counts": counts, "item_vectors": vectors}
    return {"items": ITEMS, "length": LENGTH, "sequences": 300} | known


@pytest.fixture(scope="session")
def make(facts):
    """Give a function that makes the model of some settings, its weights drawn with a seed."""
    from recloop.training.sequences import maker

    def make(settings: dict, seed: int = 1, **changes):
        torch.manual_seed(seed)
        asked = {"inference": settings["inference"] | changes}
        return maker(settings | asked, facts)()

    return make


@pytest.fixture(scope="session")
def sessions():
    """Give a function that puts rows of items behind one another; an odd item is a purchase."""
    from recloop.data.batches import Sessions

    def put(*rows: list[int], first_target: int = 1) -> Sessions:
        items = np.array([item for row in rows for item in row], np.int64)
        return Sessions(
            items=items,
            events=items % 2,
            offsets=np.cumsum([0, *map(len, rows)]),
            first_target=np.full(len(rows), first_target),
            ids=np.arange(len(rows)) + 100,
        )

    return put


@pytest.fixture(scope="session")
def ring(sessions):
    """Ring world: item i is always followed by i + 1. Every length from 2 to 7, from every start."""
    rows = [
        [(start + step) % ITEMS for step in range(length)]
        for start in range(ITEMS)
        for length in range(2, LENGTH + 2)
    ]
    return sessions(*rows)


@pytest.fixture
def disk(tmp_path):
    """Give a function that mounts a disk of its own, or changes how; skip where that is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no right to mount a disk")

    mount("size=64k")
    yield folder, mount
    while folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="session")
def chromium():
    """Give a headless Chromium and its pages, see benchmarks/browser.py; skips where there is none."""
    pytest.importorskip("aiohttp")
    tools = runpy.run_path(str(ROOT / "benchmarks/browser.py"))
    if not tools["binary"]():
        pytest.skip("no Chromium on this machine")
    one = tools["Browser"](tools["binary"]())
    yield one, tools
    one.close()


@pytest.fixture
def browser(chromium):
    """Give a function that opens an address on a page of its own."""
    one, tools = chromium
    pages = []

    def visit(address: str, phone: bool = False):
        pages.append(tools["Page"](one, tools["PHONE" if phone else "DESKTOP"]))
        pages[-1].open(address)
        return pages[-1]

    yield visit
    for page in pages:
        page.close()
