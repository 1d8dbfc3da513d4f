"""What the workflow makes, each declared once: the declaration gives Snakemake its inputs and the result its key."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from recloop.data.sources import reading_inputs
from recloop.storage.fingerprint import digest, fingerprint

RECORDS = {  # the file that says a folder is whole; kinds that are not here are files themselves
    "raw": "fetched.json",
    "tables": "read.json",
    "sessions": "split.json",
    "catalogues": "catalogue.json",
    "dialogues": "split.json",
    "encoders": "encoder.json",
    "features": "features.json",
    "corpora": "corpus.json",
    "language_models": "model.json",
    "states": "features.json",
    "pairs": "split.json",
    "readings": "split.json",
    "gaze": "gaze.json",
    "item_tokens": "tokens.json",
    "contents": "contents.json",
    "networks": "encoder.json",
    "levels": "features.json",
    "simulators": "simulator.json",
    "preferences": "preferences.json",
    "user_models": "user_model.json",
    "feedback": "feedback.json",
    "experience": "experience.json",
    "weights": "weights.safetensors",
    "lists": "lists.parquet",
}


@dataclass(frozen=True, eq=False)
class Artifact:
    """A folder or file that one job makes.

    Attributes:
        kind: which rule makes it.
        place: its path up to the key.
        settings: inputs of its job that decide what it becomes.
        inputs: what it is made from, by role.
        code: modules that make it.
        notes: inputs of its job for the record, without influence on the result.
        keyed: whether its path has its key, as all but published raw files and exhibits do.
        suffix: what comes behind the key.
    """

    kind: str
    place: str
    settings: dict
    inputs: dict[str, "Artifact"] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    notes: dict = field(default_factory=dict)
    keyed: bool = True
    suffix: str = ""

    @functools.cached_property
    def key(self) -> str:
        """Hash all that decides what it becomes."""
        made_of = {role: one.path for role, one in self.inputs.items()}
        return digest(self.kind, self.settings, made_of, fingerprint(*self.code))

    @functools.cached_property
    def path(self) -> str:
        """Its folder or file, relative to the project."""
        return f"{self.place}-{self.key}{self.suffix}" if self.keyed else self.place

    @property
    def name(self) -> str:
        """The last part of its path, which later places are named after."""
        return self.path.rpartition("/")[2]

    @property
    def record(self) -> str:
        """The file whose presence says that it is whole."""
        return f"{self.path}/{RECORDS[self.kind]}" if self.kind in RECORDS else self.path

    @property
    def records(self) -> list[str]:
        """The files that have to be there before it can be made."""
        return [one.record for one in self.inputs.values()]

    @property
    def folders(self) -> dict[str, str]:
        """Where its inputs lie, by role."""
        return {role: one.path for role, one in self.inputs.items()}


def with_all_inputs(artifacts: Iterable[Artifact]) -> dict[str, Artifact]:
    """Collect artifacts and all that they are made of, by path."""
    found: dict[str, Artifact] = {}
    waiting = list(artifacts)
    while waiting:
        one = waiting.pop()
        if one.path not in found:
            found[one.path] = one
            waiting += one.inputs.values()
    return found


def raw(source: str, manifest: dict) -> Artifact:
    """Declare raw files: a world's have a key, a published data set's lie under its name alone (DVC has its bytes)."""
    world = manifest.get("world")
    code = (f"recloop.data.worlds.{world}",) if world else ()
    settings = {"source": manifest}
    return Artifact("raw", f"data/raw/{source}", settings, code=code, keyed=bool(world))


def reading(files: Artifact) -> dict:
    """Pick what decides how raw files are read from their manifest, and from what somebody put beside them."""
    return reading_inputs(Path(files.path), files.settings["source"])


def tables(source: str, manifest: dict) -> Artifact:
    """Declare the tidy tables of a source."""
    return read("tables", source, manifest, ("recloop.data.read",))


def read(kind: str, source: str, manifest: dict, code: tuple[str, ...]) -> Artifact:
    """Declare what the reader of a source, and some code behind it, make of its raw files."""
    files = raw(source, manifest)
    return Artifact(
        kind,
        f"data/{kind}/{source}",
        {"source": reading(files)},
        {"raw": files},
        (*code, reader_of(manifest)),
        notes={"source": manifest},
    )


def reader_of(manifest: dict) -> str:
    """Return the module that reads a source: ours, or that of a user's package by its import path."""
    reader = manifest["reader"]
    return reader if "." in reader else f"recloop.data.readers.{reader}"
