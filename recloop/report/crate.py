"""A run described as an RO-Crate, by the profile Workflow Run Crate 0.5: what was run, on which data, what came out.

See https://www.researchobject.org/workflow-run-crate/. Terms are those of schema.org; the action that made the results
is what PROV calls an activity.
"""

import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
MAIN, README = "Snakefile", "README.md"
METADATA = "ro-crate-metadata.json"
MORE = {".parquet": "application/vnd.apache.parquet", ".tex": "application/x-tex"}
MORE |= {".md": "text/markdown", ".yaml": "application/yaml", ".smk": "text/plain"}


@dataclass(frozen=True)
class Source:
    """Raw data that a run began with; its bytes are not in the package.

    Attributes:
        name, title, licence, homepage: as its manifest says; generated data have no homepage.
        files: size, hash and origin by name, as fetched.json has them; empty where they were not fetched here.
    """

    name: str
    title: str
    licence: str
    homepage: str | None
    files: Mapping[str, Mapping]


def describe(
    project: Mapping, sizes: Mapping[str, int], sources: Iterable[Source], run: Mapping
) -> dict:
    """Write the metadata of a package.

    Args:
        project: `name`, `version`, `description`, `licence` and `authors`, names, of the project.
        sizes: bytes of every file of the package by its place in it; those below results/ are what came out.
        sources: raw data.
        run: `name` of the run, its `settings` as text by name, and its `end`, seconds since 1970.
    """
    made = [file(place, size) for place, size in sizes.items()]
    raw = [entity for source in sources for entity in of_source(source)]
    end = datetime.fromtimestamp(run["end"], UTC).isoformat(timespec="seconds")
    given = [parameter(name, value) for name, value in run["settings"].items()]
    people = [
        {"@id": f"#author-{number}", "@type": "Organization", "name": name}
        for number, name in enumerate(project["authors"], start=1)
    ]
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": run["name"],
        "description": f"Snakemake made what lies below results/: {run['name']}.",
        "instrument": {"@id": MAIN},
        "object": refer([*raw_sets(raw), *given]),
        "result": [{"@id": one["@id"]} for one in made if one["@id"].startswith("results/")],
        "agent": refer(people)[0],
        "endTime": end,
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
    }
    graph = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": SPECIFICATION}, {"@id": WORKFLOW_CRATE}],
        },
        root(project, made, raw, people, end, run["name"]),
        *(workflow(one, project, people) if one["@id"] == MAIN else one for one in made),
        *raw,
        *given,
        *people,
        action,
        *profiles(),
        language(),
    ]
    return {"@context": CONTEXT, "@graph": graph}


def root(project: Mapping, made: list, raw: list, people: list, end: str, name: str) -> dict:
    """Describe the package as a whole."""
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{project['name']} {project['version']}: {name}",
        "description": project["description"],
        "datePublished": end,
        "license": project["licence"],
        "author": one_or_all(refer(people)),
        "conformsTo": [{"@id": profile} for profile in PROFILES],
        "hasPart": refer([*made, *raw_sets(raw)]),
        "mainEntity": {"@id": MAIN},
        "mentions": {"@id": "#run"},
    }


def workflow(entity: dict, project: Mapping, people: list) -> dict:
    """Describe the workflow itself."""
    return entity | {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": project["name"],
        "version": project["version"],
        "programmingLanguage": {"@id": LANGUAGE},
        "license": project["licence"],
        "creator": one_or_all(refer(people)),
    }


def file(place: str, size: int) -> dict:
    """Describe a file of the package."""
    path = PurePosixPath(place)
    kind = MORE.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    return ({"about": {"@id": "./"}} if place == README else {}) | {
        "@id": place,
        "@type": "File",
        "name": place,
        "encodingFormat": kind,
        "contentSize": str(size),
    }


def of_source(source: Source) -> list[dict]:
    """Describe raw data and their files, which are not in the package."""
    place = f"#data-{source.name}"
    files = [
        {
            "@id": f"#raw-{source.name}-{name}",
            "@type": "CreativeWork",
            "name": name,
            "contentSize": str(entry["bytes"]),
            "sha256": entry["sha256"],
        }
        for name, entry in source.files.items()
    ]
    whole = {
        "@id": place,
        "@type": "Dataset",
        "name": source.title,
        "license": source.licence,
        "mentions": refer(files),
    }
    return [whole | ({"url": source.homepage} if source.homepage else {}), *files]


def raw_sets(entities: Iterable[dict]) -> list[dict]:
    """Take the data sets among entities."""
    return [one for one in entities if one["@type"] == "Dataset"]


def parameter(name: str, value: str) -> dict:
    """Describe a setting of the run."""
    return {"@id": f"#setting-{name}", "@type": "PropertyValue", "name": name, "value": value}


def refer(entities: Iterable[dict]) -> list[dict]:
    """Point to entities."""
    return [{"@id": one["@id"]} for one in entities]


def one_or_all(values: list[dict]) -> dict | list[dict]:
    """Write a single value without brackets, as JSON-LD recommends."""
    return values[0] if len(values) == 1 else values


def profiles() -> list[dict]:
    """Describe the profiles that the package keeps to."""
    return [
        {"@id": address, "@type": "CreativeWork", "name": name, "version": version}
        for address, (name, version) in PROFILES.items()
    ]


def language() -> dict:
    """Describe the language of the workflow."""
    return {
        "@id": LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "alternateName": "Snakemake",
        "identifier": {"@id": "https://doi.org/10.1093/bioinformatics/bts480"},
        "url": {"@id": "https://snakemake.readthedocs.io"},
    }
