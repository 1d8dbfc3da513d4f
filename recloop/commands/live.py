"""`recloop live`: a page on this machine where a person talks to trained models of dialogues."""

from __future__ import annotations

import argparse
import os

import yaml

from recloop.commands import counted
from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError

HELP = "talk to a trained model: a page on this machine, where a person says what is missing"
HOST = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "studies", nargs="*", metavar="STUDY", help="whose models; all of dialogues if left out"
    )
    parser.add_argument("--tier", help="of the run that made them; that of config.yaml if left out")
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="of that run, where they were asked for"
    )
    parser.add_argument("--port", type=int, default=8765, help="where to listen (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Serve until it is interrupted.

    Raises:
        SettingsError: there is no trained model, or no place to listen.
    """
    web = framework()
    found = catalogues(options.studies, options.tier, options.seeds)
    from transformers.utils.logging import disable_progress_bar

    from recloop.live.server import Server

    disable_progress_bar()  # of loading, which is over in an instant

    models = sum(len(one.models) for one in found.values())
    many = counted(len(found), "catalogue"), counted(models, "trained model")
    print(f"{many[0]}, {many[1]}: open http://{HOST}:{options.port}, end with Ctrl-C", flush=True)
    app = Server(found, options.port).app()
    try:
        web.run_app(app, host=HOST, port=options.port, print=None, access_log=None)
    except (OSError, OverflowError) as fault:
        why = os.strerror(fault.errno) if getattr(fault, "errno", None) else "no such port"
        raise SettingsError(f"--port {options.port}: {why.lower()}; name another one") from None
    return 0


def framework():
    """Import what serves.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        from aiohttp import web
    except ImportError:
        raise SettingsError(
            "the live page needs aiohttp: .venv/bin/python -m pip install -c envs/constraints.txt -e '.[live]'"
        ) from None
    return web


def catalogues(studies: list[str], tier: str | None, seeds: list[int] | None) -> dict:
    """Find the trained models.

    Raises:
        SettingsError: there are none.
    """
    from recloop.live.catalogues import trained
    from recloop.plan import Plan

    os.chdir(ROOT)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    given = {"tier": tier, "studies": studies, "seeds": seeds}
    plan = Plan(config | {name: value for name, value in given.items() if value})
    found = trained(plan)
    if not found:
        raise SettingsError(
            f"no model that one can talk to was trained by the present code at tier {plan.config['tier']}: name the "
            "--tier and --seeds of the run, or train one, e.g. snakemake results/pmmir/index.html"
        )
    return found
