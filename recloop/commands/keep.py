"""`recloop keep`: page, tables, figures and ledger of a study, without its weights, into a folder of the repository."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from pathlib import Path

from recloop.storage.files import write_json
from recloop.storage.settings import SettingsError

HELP = "copy a study's page, tables, figures and ledger, with commit, command and cost, to docs/results"
SHOWN = {".md", ".html", ".csv", ".json", ".tex", ".png", ".svg", ".pdf"}
RECORD = "kept.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("study", help="whose results to keep, e.g. gsasrec")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="where they are (%(default)s)"
    )
    parser.add_argument(
        "--to", type=Path, default=Path("docs/results"), help="where to keep them (%(default)s)"
    )
    parser.add_argument(
        "--command",
        help="that made them; snakemake with the tier and the study of their runs if left out",
    )


def run(options: argparse.Namespace) -> int:
    """Copy what can be shown, and write down where it comes from."""
    made = options.results / options.study
    if not (made / "README.md").exists():
        raise SettingsError(
            f"{made}: there is no page (README.md): let snakemake finish the study first"
        )
    kept = options.to / options.study
    record = describe(made, options.command) | {"kept_at_commit": commit(options.to)}
    files = [path for path in sorted(made.iterdir()) if path.suffix in SHOWN]
    draft = kept.with_name(f".{kept.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for path in files:
        shutil.copy2(path, draft / path.name)
    write_json(draft / RECORD, record)
    shutil.rmtree(kept, ignore_errors=True)
    draft.rename(kept)
    print(f"{kept}: {len(files)} files of {record['runs']} runs")
    return 0


def describe(made: Path, command: str | None) -> dict:
    """Sum up the runs of a study.

    Raises:
        SettingsError: there are none, or they are of several tiers.
    """
    runs = latest(made / "runs")
    if not runs:
        raise SettingsError(f"{made / 'runs'}: there is no run, from which to say what was done")
    tiers = sorted({one["tier"] for one in runs})
    if len(tiers) != 1:
        raise SettingsError(
            f"{made}: runs of {len(tiers)} tiers ({', '.join(tiers)}), but one is to be kept: "
            "make it in a folder of its own"
        )
    tier = tiers[0]
    return {
        "study": made.name,
        "tier": tier,
        "command": command
        or f"snakemake --config tier={tier} 'studies=[{made.name}]' mirror=FOLDER",
        "runs": len(runs),
        "seeds": sorted({one["seed"] for one in runs}),
        "stand_ins": sorted({one["dataset"] for one in runs if one["stand_in"]}),
        "processor_hours": round(sum(one["cpu_seconds"] for one in runs) / 3600, 2),
        "peak_memory_mb": max(one["peak_memory_mb"] for one in runs),
        "machines": sorted({f"{one['host']}, {one['device']}" for one in runs}),
    }


def latest(runs: Path) -> list[dict]:
    """Read the records of the runs; of several with the same name and seed the one made last."""
    found = {}
    for path in sorted(runs.rglob("run.json"), key=lambda path: path.stat().st_mtime):
        one = json.loads(path.read_text())
        if not one.get("not_run"):
            found[one["dataset"], one["model"], one["seed"]] = one
    return list(found.values())


def commit(but: Path) -> str:
    """Name the commit of the working folder.

    Args:
        but: the folder of kept results, whose files may differ from it or be new.

    Raises:
        SettingsError: other files differ or are new, or there is no repository.
    """
    try:
        changed = git("status", "--porcelain", "--", ".", f":(exclude){but}").split("\n")[:-1]
        head = git("rev-parse", "--short=10", "HEAD").strip()
    except (OSError, subprocess.CalledProcessError) as fault:
        raise SettingsError(f"no commit can be named, since git failed: {fault}") from fault
    if changed:
        raise SettingsError(
            f"{len(changed)} files differ from the last commit or are new, the first is {changed[0][3:]}: "
            "commit or undo them, so that a commit says what made these results"
        )
    return head


def git(*words: str) -> str:
    """Run git and return what it says."""
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout
