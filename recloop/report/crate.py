"""A run described as an RO-Crate, by the profile Workflow Run Crate 0.5: what was run, on which data, what came out.

See https://www.researchobject.org/workflow-run-crate/. The library rocrate writes it. Terms are those of schema.org,
and beside them those of PROV: the action that made the results is its activity.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from rocrate.model.entity import Entity
    from rocrate.rocrate import ROCrate

SPECIFICATION = "1.1"  # of RO-Crate, by which the profile was written
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
PROV = "http://www.w3.org/ns/prov#"
RELATIONS = ("Activity", "used", "wasGeneratedBy", "wasAssociatedWith")
MOMENT = {"@id": f"{PROV}endedAtTime", "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}
PROV_TERMS = {name: f"{PROV}{name}" for name in RELATIONS} | {"endedAtTime": MOMENT}
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
MAIN, README, RUN = "Snakefile", "README.md", "#run"
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
) -> str:
    """Write the metadata of a package; twice the same for the same run.

    Args:
        project: `name`, `version`, `description`, `licence` and `authors`, names, of the project.
        sizes: bytes of every file of the package by its place in it; those below results/ are what came out.
        sources: raw data.
        run: `name` of the run, its `settings` as text by name, and its `end`, seconds since 1970.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version=SPECIFICATION)
    crate.metadata.extra_contexts.append(TERMS)
    crate.metadata.extra_terms.update(PROV_TERMS)
    end = datetime.fromtimestamp(run["end"], UTC).isoformat(timespec="seconds")
    people = [
        crate.add_jsonld({"@id": f"#author-{number}", "@type": "Organization", "name": name})
        for number, name in enumerate(project["authors"], start=1)
    ]
    made = [of_file(crate, place, size) for place, size in sizes.items() if place != MAIN]
    of_workflow(crate, project, sizes[MAIN], people)
    raw = [of_source(crate, source) for source in sources]
    given = [of_setting(crate, name, value) for name, value in run["settings"].items()]
    results = [one for one in made if one.id.startswith("results/")]
    of_run(crate, run["name"], [*raw, *given], results, people[0], end)
    of_root(crate, project, run["name"], raw, people, end)
    return b"".join(part for _, part in crate.metadata.stream()).decode()


def of_root(
    crate: ROCrate, project: Mapping, name: str, raw: list[Entity], people: list[Entity], end: str
) -> None:
    """Describe the package as a whole, with the profiles that it keeps to."""
    root = crate.root_dataset
    root["name"] = f"{project['name']} {project['version']}: {name}"
    root["description"], root["license"] = project["description"], project["licence"]
    root["datePublished"], root["author"] = end, one_or_all(people)
    root["conformsTo"] = [
        crate.add_jsonld(
            {"@id": address, "@type": "CreativeWork", "name": title, "version": version}
        )
        for address, (title, version) in PROFILES.items()
    ]
    root["mentions"] = crate.get(RUN)
    root.append_to("hasPart", raw)


def of_workflow(crate: ROCrate, project: Mapping, size: int, people: list[Entity]) -> None:
    """Describe the workflow itself, which is what the package is about."""
    about = {"name": project["name"], "version": project["version"], "license": project["licence"]}
    about |= {"creator": one_or_all(people), "contentSize": str(size), "encodingFormat": kind(MAIN)}
    crate.add_workflow(dest_path=MAIN, properties=about, main=True, lang="snakemake")


def of_run(
    crate: ROCrate, name: str, used: list[Entity], results: list[Entity], agent: Entity, end: str
) -> None:
    """Describe what made the results, twice: in words of schema.org, and of PROV."""
    about = {
        "@type": ["CreateAction", "Activity"],
        "name": name,
        "description": f"Snakemake made what lies below results/: {name}.",
        "agent": agent,
        "endTime": end,
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        "used": [crate.mainEntity, *used],
        "wasAssociatedWith": agent,
        "endedAtTime": end,
    }
    action = crate.add_action(crate.mainEntity, RUN, one_or_all(used), one_or_all(results), about)
    for one in results:
        one["wasGeneratedBy"] = action


def of_file(crate: ROCrate, place: str, size: int) -> Entity:
    """Describe a file of the package; one without a source, since the archive is written elsewhere."""
    about = {"name": place, "encodingFormat": kind(place), "contentSize": str(size)}
    if place == README:
        about["about"] = crate.root_dataset
    return crate.add_file(dest_path=place, properties=about)


def kind(place: str) -> str:
    """Tell the media type of a file."""
    path = PurePosixPath(place)
    return MORE.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"


def of_source(crate: ROCrate, source: Source) -> Entity:
    """Describe raw data and their files, which are not in the package."""
    files = [
        crate.add_jsonld(
            {
                "@id": f"#raw-{source.name}-{quote(name)}",
                "@type": "CreativeWork",
                "name": name,
                "contentSize": str(entry["bytes"]),
                "sha256": entry["sha256"],
            }
        )
        for name, entry in source.files.items()
    ]
    whole = {
        "@id": f"#data-{source.name}",
        "@type": "Dataset",
        "name": source.title,
        "license": source.licence,
        "mentions": one_or_all(files),
    }
    return crate.add_jsonld(whole | ({"url": source.homepage} if source.homepage else {}))


def of_setting(crate: ROCrate, name: str, value: str) -> Entity:
    """Describe a setting of the run."""
    about = {"@id": f"#setting-{name}", "@type": "PropertyValue", "name": name, "value": value}
    return crate.add_jsonld(about)


def one_or_all(values: list) -> Any:
    """Write a single value without brackets, as JSON-LD recommends."""
    return values[0] if len(values) == 1 else values
