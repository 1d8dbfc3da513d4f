"""A run as one archive: the site, tidy data, and what draws every table and figure again without a GPU or a model.

The archive is an RO-Crate (`recloop.report.crate`); two of the same run have the same bytes.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from recloop.storage.files import replacing

SHOWN = {".md", ".html", ".csv", ".json", ".tex", ".png", ".svg", ".pdf"}
OF_RUNS = {".json", ".csv", ".parquet"}  # beside run.json; never weights
OF_SPLITS = ("split.json", "items.parquet", "dialogues.parquet")
DIALOGUES = "dialogues.html"  # holds pictures
PROJECT = ("Snakefile", "config.yaml", "LICENSE", "CITATION.cff", "codemeta.json", "pyproject.toml")
CODE = ("recloop", "workflow", "studies", "tiers", "sources", "profiles")
CODE_ENDS = {".py", ".html", ".css", ".js", ".smk", ".yaml", ".csv"}
PACKAGES = ("numpy", "polars", "scipy", "matplotlib", "seaborn", "fonttools", "pillow", "pyyaml")
PACKAGES += ("jsonschema", "safetensors")  # what drawing imports
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
README = """# {name}

`results/index.html` leads to a page of each study; it opens without a network. The numbers behind every figure lie
beside it as CSV; printed cells, claims and verdicts are in `results/claims.json`, of the form of
`results/verdicts.schema.json`.

To draw tables and figures again from the saved scores and lists, without a GPU, a model or a network:

    python -m pip install -r requirements.txt
    python -m recloop.report.redraw

which says of each whether it came out as packed. `ro-crate-metadata.json` describes the run. {withheld}
"""


def files_of(root: Path, jobs: Mapping[str, Mapping]) -> dict[str, Path]:
    """List what goes into an archive, by its place there, weights and raw data excepted.

    Args:
        root: the project's folder.
        jobs: keywords of what makes each exhibit, by study/exhibit.
    """
    studies = dict.fromkeys(name.partition("/")[0] for name in jobs)
    found = [*(root / name for name in PROJECT), *code(root)]
    hidden = {root / f"results/{study}/{DIALOGUES}" for study in unpictured(jobs)}
    found += (path for path in shown(root / "results", studies) if path not in hidden)
    for settings in jobs.values():
        found += evidence(root, settings)
    return {str(path.relative_to(root)): path for path in sorted(set(found)) if path.is_file()}


def unpictured(jobs: Mapping[str, Mapping]) -> set[str]:
    """Find the studies with pictures that were taken out of jobs: a page with all of them is not passed on either."""
    return {
        name.partition("/")[0]
        for name, settings in jobs.items()
        for data in settings["tier"].get("datasets", {}).values()
        if "pictures" in data and data["pictures"] is None
    }


def code(root: Path) -> Iterator[Path]:
    """List the project's code and settings."""
    for folder in CODE:
        for path in (root / folder).rglob("*"):
            if path.suffix in CODE_ENDS and "__pycache__" not in path.parts:
                yield path


def shown(results: Path, studies: Iterable[str]) -> Iterator[Path]:
    """List the pages, tables and figures."""
    for folder in (results, *(results / study for study in studies)):
        yield from (path for path in folder.iterdir() if path.suffix in SHOWN)


def evidence(root: Path, settings: Mapping) -> Iterator[Path]:
    """List what an exhibit reads: scores with their lists, records of trainings, splits, pictures."""
    for score in settings["scores"]:
        yield from (root / score, (root / score).with_name("lists.parquet"))
    for run in settings["runs"]:
        yield from (path for path in (root / run).parent.iterdir() if path.suffix in OF_RUNS)
    for split in settings["splits"]:
        yield from ((root / split).with_name(name) for name in OF_SPLITS)
    for data in settings["tier"].get("datasets", {}).values():
        if data.get("pictures"):
            yield from (root / data["pictures"]).rglob("*.parquet")
            yield from (root / data["pictures"]).glob("*.json")


def withhold(jobs: Mapping[str, Mapping], allowed: Callable[[str], bool]) -> tuple[dict, list[str]]:
    """Take the pictures of sources that may not be passed on out of jobs.

    Args:
        jobs: keywords of what makes each exhibit.
        allowed: whether the data of a source may be passed on.

    Returns:
        the jobs, and the sources whose pictures were taken out.
    """
    found, without = {}, set()
    for name, settings in jobs.items():
        datasets = {}
        for key, data in settings["tier"]["datasets"].items():
            keeps = not data.get("pictures") or allowed(data["source"])
            without |= set() if keeps else {data["source"]}
            datasets[key] = data if keeps else {**data, "pictures": None}
        found[name] = {**settings, "tier": {**settings["tier"], "datasets": datasets}}
    return found, sorted(without)


def sizes(files: Mapping[str, Path], texts: Mapping[str, str]) -> dict[str, int]:
    """Measure what goes into an archive."""
    found = {place: path.stat().st_size for place, path in files.items()}
    return found | {place: len(text.encode()) for place, text in texts.items()}


def pack(archive: Path, files: Mapping[str, Path], texts: Mapping[str, str]) -> int:
    """Write an archive as a whole, and return its bytes.

    Args:
        archive: the file.
        files: by their place in it.
        texts: of files that are made for it.
    """
    with (
        replacing(archive) as draft,
        zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as open_archive,
    ):
        for place in sorted({*files, *texts}):
            content = texts[place].encode() if place in texts else files[place].read_bytes()
            entry = zipfile.ZipInfo(place, DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            open_archive.writestr(entry, content)
    return archive.stat().st_size


def requirements(lock: str) -> str:
    """Take what drawing needs from the lock."""
    lines = [line for line in lock.splitlines() if line.partition("==")[0] in PACKAGES]
    return "\n".join(lines) + "\n"


def texts(
    jobs: Mapping[str, Mapping], name: str, withheld: Iterable[str], lock: str
) -> dict[str, str]:
    """Write what is made for an archive: how to use it, the jobs, the packages.

    Args:
        jobs: keywords of what makes each exhibit.
        name: of the run.
        withheld: sources whose pictures are left out.
        lock: versions that were tested together.
    """
    left = ", ".join(withheld)
    says = (
        f"Pictures of {left} may not be passed on: figures that show them come out empty."
        if left
        else ""
    )
    return {
        "README.md": README.format(name=name, withheld=says),
        "jobs.json": json.dumps(jobs, indent=1),
        "requirements.txt": requirements(lock),
    }
