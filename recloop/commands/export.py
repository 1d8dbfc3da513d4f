"""`recloop export`: the results of a run as one archive that others can read, check and draw again."""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from importlib.util import find_spec
from pathlib import Path

import yaml

from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError

HELP = "pack site, tidy data and what draws every figure again, without weights and raw data, as an RO-Crate in a zip"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("archive", type=Path, metavar="FILE.zip", help="to write")
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="as in config.yaml if left out")
    parser.add_argument("--tier", help="of the run; that of config.yaml if left out")
    parser.add_argument(
        "--seeds", type=int, nargs="+", metavar="N", help="of the run, where they were asked for"
    )


def run(options: argparse.Namespace) -> int:
    """Pack what is current, and say how much it is.

    Raises:
        SettingsError: something was not made, or by another plan.
    """
    from recloop.plan import Plan
    from recloop.report import crate, export

    archive = options.archive.resolve()
    if archive.suffix != ".zip":
        raise SettingsError(f"{archive.name}: the name of an archive ends in .zip")
    needs_library()
    os.chdir(ROOT)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    given = {"tier": options.tier, "seeds": options.seeds, "studies": options.studies}
    plan = Plan(config | {name: value for name, value in given.items() if value})
    stamps = current(plan)
    sources = sources_of(plan)
    jobs, withheld = export.withhold(jobs_of(plan), redistributed(plan).__getitem__)
    name = f"{', '.join(plan.studies)} at tier {plan.config['tier']}"
    lock = (ROOT / "envs/constraints.txt").read_text(encoding="utf-8")
    texts = export.texts(jobs, name, withheld, lock)
    files = export.files_of(ROOT, jobs)
    settings = {
        key: json.dumps(plan.config[key])
        for key in ("tier", "studies", "seeds", "datasets", "twin")
    }
    end = max(stamp.stat().st_mtime for stamp in stamps)
    texts[crate.METADATA] = crate.describe(
        project(),
        export.sizes(files, texts),
        [crate_source(crate.Source, key, one) for key, one in sources.items()],
        {"name": name, "settings": settings, "end": end},
    )
    size = export.pack(archive, files, texts)
    print(
        f"{archive}: {len(files) + len(texts):,} files, {size / 1e6:.1f} MB, {len(jobs)} exhibits"
    )
    if withheld:
        print(f"left out: pictures of {', '.join(withheld)}, which may not be passed on")
    return 0


def needs_library() -> None:
    """Ask for what describes the run, before anything is looked for.

    Raises:
        SettingsError: it is not installed.
    """
    if find_spec("rocrate") is None:
        raise SettingsError(
            "an archive needs rocrate: .venv/bin/python -m pip install -c envs/constraints.txt -e '.[crate]'"
        )


def current(plan) -> list[Path]:
    """List the stamps of all exhibits.

    Raises:
        SettingsError: one is not there, or belongs to another plan.
    """
    from recloop.plan.stamp import is_current

    found = []
    for study in plan.studies:
        for name in plan.made(study):
            stamp = Path(f"results/{study}/.made/{name}.json")
            if not is_current(stamp, plan.exhibit(study, name).key):
                raise SettingsError(
                    f"results/{study}: {name} is not there, or not of the present code and settings at tier "
                    f"{plan.config['tier']}: name the run's --tier and --seeds, or let snakemake finish it"
                )
            found.append(stamp)
    return found


def jobs_of(plan) -> dict[str, dict]:
    """Collect what makes each table and figure, and the claims."""
    from recloop.plan import exhibits

    names = [(study, name) for study in plan.studies for name in (*plan.exhibits(study), "claims")]
    return {f"{study}/{name}": exhibits.job(plan, study, name) for study, name in names}


def sources_of(plan) -> dict[str, dict]:
    """Collect the manifests of the raw data behind a plan."""
    return {name: one.settings["source"] for name, one in plan.raw_data().items()}


def redistributed(plan) -> dict[str, bool]:
    """Say of each source by the name that tiers give it, without the key of a world, whether it may be passed on."""
    return {
        one.place.rpartition("/")[2]: one.settings["source"]["redistribute"]
        for one in plan.raw_data().values()
    }


def crate_source(kind, name: str, manifest: dict):
    """Describe a source with the files that were fetched here."""
    record = ROOT / f"data/raw/{name}/fetched.json"
    files = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    title, licence = (manifest[key].strip() for key in ("title", "licence"))
    return kind(name, title, licence, manifest["homepage"], files)


def project() -> dict:
    """Say what the project is, as its own files do."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {key: about[key] for key in ("name", "version", "description")}
    licence = f"https://spdx.org/licenses/{about['license']}"
    return found | {"licence": licence, "authors": [one["name"] for one in about["authors"]]}
