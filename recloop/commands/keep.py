"""`recloop keep`: page, tables, figures and ledger of a study, without its weights, into a folder of the repository."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from recloop.commands import counted
from recloop.storage.files import write_json
from recloop.storage.settings import SettingsError, only_known

HELP = "copy a study's page, tables, figures and ledger, with commit, command and cost, to docs/results"
SHOWN = {".md", ".html", ".csv", ".json", ".tex", ".png", ".svg", ".pdf"}
RECORD = "kept.json"
DIALOGUES = "dialogues.html"  # holds pictures: much, and often not to be passed on
LINK = re.compile(rf"\[{DIALOGUES}\]\({DIALOGUES}\)|<a href=\"{DIALOGUES}\">{DIALOGUES}</a>")
AWAY = r"(?:runs|\.\./\.\.)/"  # where files begin that are not kept
FILE = re.compile(rf"\[([^\]]+)\]\({AWAY}[^)]*\)|<a href=\"{AWAY}[^\"]*\">([^<]*)</a>")
CHOICES = {"tier": "tier", "dataset": "data", "seed": "seeds"}  # of a run, and by which option
STAMP = re.compile(
    r"^\*\*tier (?P<tier>[^;\s]+);.*?\bseeds? (?P<seeds>\d+(?:, \d+)*)", re.MULTILINE
)


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
    chosen = parser.add_argument_group("whose runs count (all if left out)")
    chosen.add_argument("--seeds", type=int, nargs="+", metavar="SEED", help="e.g. 1 2 4")
    chosen.add_argument("--data", nargs="+", metavar="DATASET", help="data sets, e.g. coat")
    chosen.add_argument("--tier", help="where runs of several are there, e.g. real")
    parser.add_argument(
        "--replace", action="store_true", help="even a kept page that has more seeds"
    )


def run(options: argparse.Namespace) -> int:
    """Copy what can be shown, and write down where it comes from."""
    made = options.results / options.study
    if not (made / "README.md").exists():
        raise SettingsError(
            f"{made}: there is no page (README.md): let snakemake finish the study first"
        )
    kept = options.to / options.study
    check_apart(kept, options.results)
    chosen = {"tier": options.tier and [options.tier]}
    chosen |= {"dataset": options.data, "seed": options.seeds}
    record = describe(made, options.command, chosen)
    check_page(made / "README.md", record, chosen)
    if not options.replace:
        check_kept(kept / RECORD, record)
    record |= {"kept_at_commit": commit(options.to)}
    shown = (path for path in sorted(made.iterdir()) if path.suffix in SHOWN)
    files = [path for path in shown if path.name != DIALOGUES]
    draft = kept.with_name(f".{kept.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for path in files:
        shutil.copy2(path, draft / path.name)
    for name in ("README.md", "index.html"):
        unlink(draft / name)
    write_json(draft / RECORD, record)
    shutil.rmtree(kept, ignore_errors=True)
    draft.rename(kept)
    print(f"{kept}: {counted(len(files), 'file')} of {counted(record['runs'], 'run')}")
    return 0


def unlink(page: Path) -> None:
    """Name the dialogues, whose pictures are not kept, records and splits without a link to them."""
    if page.exists():
        text = LINK.sub(f"{DIALOGUES} (not kept)", page.read_text(encoding="utf-8"))
        page.write_text(FILE.sub(lambda link: link[1] or link[2], text), encoding="utf-8")


def check_apart(kept: Path, results: Path) -> None:
    """Stop where what is kept would lie among the results, or these below it: what is kept before is replaced."""
    places = kept.resolve(), results.resolve()
    if any(one == other or one in other.parents for one, other in (places, places[::-1])):
        raise SettingsError(f"{kept}: name a folder apart from {results}, where nothing is removed")


def check_page(page: Path, record: dict, chosen: dict[str, list | None]) -> None:
    """Stop where the page was made from another tier or from other seeds than those that were chosen."""
    said = STAMP.search(page.read_text(encoding="utf-8"))
    if not said:
        return
    seeds = [int(seed) for seed in said["seeds"].split(", ")]
    of_tier = not chosen["tier"] or said["tier"] == record["tier"]
    if not of_tier or (chosen["seed"] and seeds != record["seeds"]):
        raise SettingsError(
            f"{page}: it is of tier {said['tier']}, seeds {listed(seeds)}, not of tier {record['tier']}, seeds "
            f"{listed(record['seeds'])}: let snakemake make it of these first"
        )


def check_kept(path: Path, record: dict) -> None:
    """Stop where what is kept already has more seeds."""
    before = json.loads(path.read_text(encoding="utf-8"))["seeds"] if path.exists() else []
    if len(before) > len(record["seeds"]):
        raise SettingsError(
            f"{path.parent}: what is kept has seeds {listed(before)}, this would have {listed(record['seeds'])} alone: "
            "make the others too, or give --replace"
        )


def describe(
    made: Path, command: str | None, chosen: Mapping[str, list | None] | None = None
) -> dict:
    """Sum up the runs of a study, or those that are chosen.

    Args:
        made: the study's folder of results.
        command: that made them; None for the usual one.
        chosen: wanted values by column of a run, see `CHOICES`; None for all there are.

    Raises:
        SettingsError: there are none, they are of several tiers, or a chosen value is not there.
    """
    runs = read_runs(made / "runs")
    if not runs:
        raise SettingsError(f"{made / 'runs'}: there is no run, from which to say what was done")
    for column, values in (chosen or {}).items():
        if values is not None:
            known = sorted({one[column] for one in runs})
            where = f"{made / 'runs'}: --{CHOICES[column]}"
            only_known(where, map(str, values), map(str, known))
            runs = [one for one in runs if one[column] in values]
    runs = latest(runs)
    tiers = sorted({one["tier"] for one in runs})
    if len(tiers) != 1:
        raise SettingsError(
            f"{made}: runs of {len(tiers)} tiers ({', '.join(tiers)}), but one is to be kept: name it with --tier"
        )
    seeds = sorted({one["seed"] for one in runs})
    return {
        "study": made.name,
        "tier": tiers[0],
        "command": command or usual_command(made.name, tiers[0], chosen or {}),
        "runs": len(runs),
        "seeds": seeds,
        "stand_ins": sorted({one["dataset"] for one in runs if one["stand_in"]}),
        "processor_hours": round(sum(one["cpu_seconds"] for one in runs) / 3600, 2),
        "peak_memory_mb": max(one["peak_memory_mb"] for one in runs),
        "machines": sorted({f"{one['host']}, {one['device']}" for one in runs}),
    }


def usual_command(study: str, tier: str, chosen: Mapping[str, list | None]) -> str:
    """Write the command that makes the page of a study."""
    words = [f"tier={tier}", f"'studies=[{study}]'"]
    for key, column in (("seeds", "seed"), ("datasets", "dataset")):
        if values := chosen.get(column):
            words.append(f"'{key}=[{','.join(map(str, values))}]'")
    return f"snakemake --config {' '.join(words)} mirror=FOLDER"


def listed(values: Iterable) -> str:
    """Write values one after the other."""
    return ", ".join(map(str, values))


def read_runs(folder: Path) -> list[dict]:
    """Read the records of the runs, those made last at the end."""
    paths = sorted(folder.rglob("run.json"), key=lambda path: path.stat().st_mtime)
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [one for one in runs if not one.get("not_run")]


def latest(runs: list[dict]) -> list[dict]:
    """Keep of several runs with the same name and seed the one made last."""
    return [*{(one["dataset"], one["model"], one["seed"]): one for one in runs}.values()]


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
