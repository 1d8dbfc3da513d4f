"""`recloop plan`: what a run will do and take, before it is started; and how far off the last such estimate was."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import yaml

from recloop.storage.fingerprint import ROOT

HELP = "say what a run will do and take: jobs, hours here, disk, downloads; and how far off the last estimate was"
FIRST = ("smoke", "quick")  # tiers whose trainings are as short as those that a guess comes from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="as in config.yaml if left out")
    parser.add_argument("--tier", help="that of config.yaml if left out")
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="those of the tier if left out"
    )
    parser.add_argument("--mirror", help="a folder of raw files")
    parser.add_argument("--cores", type=int, help="of this machine; all if left out")


def run(options: argparse.Namespace) -> int:
    """Print the error of the last estimate, and a new one."""
    from recloop.plan import Plan, estimate
    from recloop.plan.checks import check_plan

    mirror = options.mirror and os.path.abspath(options.mirror)
    os.chdir(ROOT)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    given = {
        "tier": options.tier,
        "seeds": options.seeds,
        "studies": options.studies,
        "mirror": mirror,
    }
    plan = Plan(config | {name: value for name, value in given.items() if value})
    check_plan(plan)
    if said := estimate.afterwards():
        print(said)
    found = estimate.estimate(plan)
    cores = options.cores or len(os.sched_getaffinity(0))
    print("\n".join(lines(found, plan.config["tier"], cores)))
    estimate.remember(found)
    return 0


def lines(found, tier: str, cores: int) -> Iterator[str]:
    """Describe an estimate."""
    from recloop.plan.estimate import hours
    from recloop.storage.files import free_bytes

    if not found.jobs:
        yield f"tier {tier}: nothing is left to do"
        return
    yield f"tier {tier}: {sum(found.jobs.values()):,} pieces of work are left"
    for rule, pieces in found.jobs.most_common():
        guess = "  (guessed)" if rule in found.guessed else ""
        yield f"  {rule:<26}{pieces:>7,}{hours(found.seconds[rule]):>12}{guess}"
    whole = sum(found.seconds.values())
    known = "" if "train" not in found.guessed or tier in FIRST else "more than "
    yield f"time       {known}{hours(whole)} of a processor, {hours(whole / cores)} on {cores} free cores"
    if "train" in found.guessed:
        yield (
            "           no training like some of these is on record here: they count as those of the tier quick on a "
            "machine as fast as this one"
        )
    if known:
        yield "           which is far too little for this tier: ask again when some of each study's trainings are done"
    yield f"disk       {size(found.disk)} as far as is known, {size(free_bytes(ROOT))} are free"
    yield f"downloads  {files(found.downloads)}"
    if found.mirrored:
        yield f"mirror     {files(found.mirrored)}"


def files(found: dict[str, int | None]) -> str:
    """Count files and bytes."""
    unknown = sum(number is None for number in found.values())
    more = f", and {unknown} files of unknown size" if unknown else ""
    known = len(found) - unknown
    return f"{known} files, {size(sum(filter(None, found.values())))}{more}" if found else "none"


def size(number: float | int) -> str:
    """Write bytes in the unit that suits them."""
    return f"{number / 1e6:.0f} MB" if number < 1e9 else f"{number / 1e9:.1f} GB"
