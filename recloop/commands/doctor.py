"""`recloop doctor`: whether this machine has what a run needs, one line each, and what helps where it has not."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from recloop.storage.files import free_bytes
from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError

HELP = "check what a run needs: Python, packages, disk, cores, GPU, TeX, git, DVC, mirror; status 1 if it lacks any"
GOOD, NOTE, BAD = "ok", "–", "✘"
ROOM = 2e9  # bytes: data and results of the tier quick, with room
NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Line:
    """One thing that was looked at.

    Attributes:
        sign: all right, worth a note, or missing and needed.
        says: what was found, and what helps.
    """

    sign: str
    says: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: there are none."""


def run(options: argparse.Namespace) -> int:
    """Print what was found; status 1 where something needed is missing."""
    found = [(name, one) for name, check in CHECKS.items() for one in check()]
    for name, one in found:
        print(f"{one.sign:<3}{name:<16}{one.says}")
    bad = [name for name, one in found if one.sign == BAD]
    print(f"missing: {', '.join(bad)}" if bad else "all that a run needs is here")
    return int(bool(bad))


def python() -> Iterator[Line]:
    """Look at the interpreter."""
    here = ".".join(map(str, sys.version_info[:3]))
    wanted = project()["requires-python"]
    least = tuple(map(int, wanted.removeprefix(">=").split(".")))
    if sys.version_info[: len(least)] < least:
        yield Line(BAD, f"{here}, wanted {wanted}: PYTHON=/path/to/python make setup")
    else:
        yield Line(GOOD, f"{here} in {sys.prefix}")


def packages() -> Iterator[Line]:
    """Hold installed packages against what the project wants and against the lock."""
    wanted = [NAME.match(line)[0] for line in project()["dependencies"]]
    missing = [name for name in wanted if installed(name) is None]
    if missing:
        yield Line(BAD, f"{', '.join(missing)} not installed: make setup")
        return
    lock = pins((ROOT / "envs/constraints.txt").read_text(encoding="utf-8"))
    other = [
        f"{name} {installed(name)} (lock {lock[plain(name)]})"
        for name in wanted
        if plain(name) in lock and installed(name).partition("+")[0] != lock[plain(name)]
    ]
    if other:
        yield Line(NOTE, f"not those that were tested together: {', '.join(other)}; make setup")
    else:
        yield Line(GOOD, f"{len(wanted)} packages as in the lock")


def project() -> dict:
    """Read what the project says of itself."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def installed(name: str) -> str | None:
    """Return the version of a package; None where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def plain(name: str) -> str:
    """Write a package's name in its one form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Read the versions of a lock; where a package has several, for several platforms, the first."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if exact := re.match(r"([A-Za-z0-9._-]+)(\[[^]]*\])?==([^\s;]+)", line):
            found.setdefault(plain(exact[1]), exact[3])
    return found


def disk() -> Iterator[Line]:
    """Look at free bytes and at the right to write."""
    from recloop.plan.config import check_folders

    free = free_bytes(ROOT)
    enough = free >= ROOM
    says = f"{free / 1e9:.1f} GB free"
    yield (
        Line(GOOD, says) if enough else Line(BAD, f"{says}, {ROOM / 1e9:.0f} GB wanted: free some")
    )
    try:
        check_folders(ROOT)
    except SettingsError as fault:
        yield Line(BAD, str(fault))


def cores() -> Iterator[Line]:
    """Count processors and what limits their use."""
    mine, whole = len(os.sched_getaffinity(0)), os.cpu_count()
    load = os.getloadavg()[0]
    says = f"{mine} of {whole}" if mine != whole else f"{mine}"
    if load > 2 * mine:
        yield Line(NOTE, f"{says}, but {load:.0f} processes want them: a run will be slow")
    else:
        yield Line(GOOD, says)
    if threads := os.environ.get("OMP_NUM_THREADS"):
        yield Line(NOTE, f"OMP_NUM_THREADS={threads} holds for jobs too: unset OMP_NUM_THREADS")


def gpu() -> Iterator[Line]:
    """Ask PyTorch for a GPU, if there seems to be one."""
    from recloop.plan import device

    if not device.looks_present():
        yield Line(NOTE, "none; only the tier full wants one")
    elif reason := device.why_not():
        yield Line(
            NOTE, f"PyTorch cannot use it ({reason}): install a build of torch for its driver"
        )
    else:
        yield Line(GOOD, f"PyTorch can use {len(device.names())}")


def tex() -> Iterator[Line]:
    """Look for what sets the tables' .tex."""
    found = shutil.which("pdflatex") or shutil.which("tectonic")
    yield (
        Line(GOOD, found)
        if found
        else Line(NOTE, "none; a run needs none, only who sets the .tex does")
    )


def git() -> Iterator[Line]:
    """Look for git and a repository."""
    if not shutil.which("git"):
        yield Line(NOTE, "not installed; `recloop keep` needs it")
        return
    asked = ["git", "-C", str(ROOT), "status", "--porcelain"]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode:
        yield Line(NOTE, f"{ROOT} is no repository: `recloop keep` cannot name a commit")
    else:
        changed = len(done.stdout.splitlines())
        yield Line(GOOD, f"{changed} files differ from the last commit" if changed else "clean")


def dvc() -> Iterator[Line]:
    """Look for DVC and a place to push to."""
    if installed("dvc") is None:
        yield Line(BAD, "not installed: make setup")
        return
    places = ROOT / ".dvc"
    texts = [
        (places / name).read_text()
        for name in ("config", "config.local")
        if (places / name).exists()
    ]
    remote = any("remote" in text for text in texts)
    says = f"{installed('dvc')}, " + (
        "with a remote" if remote else "no remote: dvc remote add -d NAME ADDRESS"
    )
    yield Line(GOOD if remote else NOTE, says)


def mirror() -> Iterator[Line]:
    """Look at the folder of raw files that config.yaml names."""
    place = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")).get("mirror")
    if not place:
        yield Line(NOTE, "none in config.yaml; the tiers real and full fetch from the network")
    elif not Path(place).is_dir():
        yield Line(BAD, f"{place} is no folder: correct `mirror` in config.yaml")
    else:
        yield Line(GOOD, place)


def language_models() -> Iterator[Line]:
    """Look for the packages that carry language models and text encoders."""
    for path in sorted((ROOT / "envs").glob("*.txt")):
        names = re.findall(r"^(gt-\S+|llm-\S+)==", path.read_text(encoding="utf-8"), re.M)
        for name in names:
            here = installed(name)
            says = (
                f"{name} {here}"
                if here
                else (
                    f"{name} not installed; some studies of the tier real ask for it: "
                    f"pip install --no-deps --require-hashes -r envs/{path.name}"
                )
            )
            yield Line(GOOD if here else NOTE, says)


def lock() -> Iterator[Line]:
    """Look for a lock that a killed run may have left."""
    held = list((ROOT / ".snakemake/locks").glob("*"))
    if held:
        yield Line(
            NOTE, "the folder is locked: a run is at work, or one was killed (then: make unlock)"
        )


CHECKS: dict[str, Callable[[], Iterator[Line]]] = {
    "python": python,
    "packages": packages,
    "disk": disk,
    "cores": cores,
    "GPU": gpu,
    "TeX": tex,
    "git": git,
    "DVC": dvc,
    "mirror": mirror,
    "language models": language_models,
    "lock": lock,
}
