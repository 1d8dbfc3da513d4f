"""What is packed of a run: a crate that is whole, and figures that come out again as they were packed."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from recloop.report import crate, export

ROOT = Path(__file__).parents[2]
STUDY = "gsasrec"
SOURCE = crate.Source(
    "shop", "A shop", "CC0", "https://shop.example", {"a.csv": {"bytes": 3, "sha256": "ab"}}
)
PROJECT = {"name": "recloop", "version": "1", "description": "Everything", "authors": ["A", "B"]}
PROJECT |= {"licence": "https://spdx.org/licenses/MIT"}
WITHOUT_TORCH = """
import runpy, sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name == "torch" else find(name, *more)
runpy.run_module("recloop.report.redraw", run_name="__main__")
"""
RUN = {"name": "gsasrec at tier smoke", "settings": {"tier": '"smoke"'}, "end": 1.7e9}


@pytest.fixture(scope="module")
def packed(generated, drawn, tmp_path_factory):
    """Pack one generated study; give the archive and what it was told."""
    root, found = tmp_path_factory.mktemp("project"), generated(STUDY)
    for name in (*export.CODE, *export.PROJECT):
        (root / name).symlink_to(ROOT / name)
    (root / "results").mkdir()
    (root / "results" / STUDY).symlink_to(drawn(STUDY))
    (root / "generated").symlink_to(found.root)
    found.saved["runs"][0].with_name("more.safetensors").write_text("not to be packed")
    names = [*list(found.study["tables"])[:1], *list(found.study["figures"])[:1], "claims"]
    jobs = {f"{STUDY}/{name}": job(found, name) for name in names}
    files = export.files_of(root, jobs)
    texts = export.texts(jobs, RUN["name"], [], (ROOT / "envs/constraints.txt").read_text())
    texts |= {
        crate.METADATA: json.dumps(
            crate.describe(PROJECT, export.sizes(files, texts), [SOURCE], RUN)
        )
    }
    archive = tmp_path_factory.mktemp("packed") / "run.zip"
    export.pack(archive, files, texts)
    return archive, files, texts


def job(found, name):
    """Tell what makes an exhibit, with paths relative to the project."""

    def inside(path):
        return str(Path("generated") / Path(path).relative_to(found.root))

    lists = {key: list(map(inside, found.saved[key])) for key in ("scores", "runs", "splits")}
    tier = json.loads(json.dumps(found.saved["tier"]).replace(str(found.root), "generated"))
    about = {"study": found.study, "tier": tier, "output": f"results/{STUDY}/{name}"}
    return about | lists | {"reported": f"studies/{STUDY}/reported.csv"}


@pytest.fixture(scope="module")
def opened(packed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("opened")
    zipfile.ZipFile(packed[0]).extractall(folder)
    return folder


def test_tables_figures_and_claims_come_out_as_packed(opened):
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-c", WITHOUT_TORCH]
    done = subprocess.run(command, cwd=opened, env=outside, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(json.loads((opened / "jobs.json").read_text()))
    assert all(line.endswith(": as packed") for line in lines)
    assert list((opened / f"redrawn/{STUDY}").glob("figure_*.pdf"))


def test_neither_weights_nor_raw_data_are_packed(opened):
    names = [str(path.relative_to(opened)) for path in opened.rglob("*") if path.is_file()]
    assert not [name for name in names if name.endswith(".safetensors") or "/raw/" in name]
    assert {"results/gsasrec/index.html", "Snakefile", "recloop/report/redraw.py"} <= set(names)


def test_two_archives_have_the_same_bytes(packed, tmp_path):
    archive, files, texts = packed
    export.pack(tmp_path / "again.zip", files, texts)
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_the_crate_describes_every_file_and_nothing_else(opened):
    graph = json.loads((opened / crate.METADATA).read_text())["@graph"]
    by_id = {entity["@id"]: entity for entity in graph}
    assert len(by_id) == len(graph)
    pointed = {one["@id"] for entity in graph for one in references(entity)}
    known = {one for one in pointed if not one.startswith("http")} | {crate.LANGUAGE}
    assert known <= set(by_id)
    made = [one["@id"] for one in graph if "File" in one["@type"]]
    assert all((opened / place).is_file() for place in made)
    root = by_id["./"]
    assert {part["@id"] for part in root["hasPart"]} >= set(made)
    assert by_id[root["mentions"]["@id"]]["instrument"] == root["mainEntity"] == {"@id": crate.MAIN}


def references(entity):
    """List what an entity points to."""
    for value in entity.values():
        values = value if isinstance(value, list) else [value]
        yield from (one for one in values if isinstance(one, dict) and "@id" in one)


TERMS = {  # of the contexts, which are on the network, those that a crate of ours uses
    "@vocab": "http://schema.org/",
    "File": "http://schema.org/MediaObject",
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "sha256": "https://w3id.org/ro/terms/workflow-run#sha256",
}


def test_a_library_and_the_validator_of_the_profile_take_the_crate(opened, monkeypatch):
    rocrate = pytest.importorskip("rocrate.rocrate")
    services = pytest.importorskip("rocrate_validator.services")
    loader = pytest.importorskip("rocrate_validator.utils.document_loader")
    monkeypatch.setattr(loader, "_fetch_json_ld", lambda source: {"@context": TERMS})
    assert rocrate.ROCrate(opened).mainEntity.id == crate.MAIN
    settings = {"rocrate_uri": str(opened), "profile_identifier": "workflow-run-crate-0.5"}
    settings |= {"skip_checks": ["ro-crate-1.1_3.1", "ro-crate-1.1_3.2"]}  # fetch the contexts
    found = services.validate(settings | {"requirement_severity": "REQUIRED"})
    assert [issue.message for issue in found.get_issues()] == []


def test_pictures_that_may_not_be_passed_on_are_left_out():
    datasets = {
        "a": {"source": "mine", "pictures": "data/x"},
        "b": {"source": "theirs", "pictures": "data/y"},
    }
    jobs, without = export.withhold(
        {"s/t": {"tier": {"datasets": datasets}}}, lambda name: name == "mine"
    )
    assert without == ["theirs"]
    assert export.unpictured(jobs) == {"s"}  # whose page of dialogues stays here too
    assert [one["pictures"] for one in jobs["s/t"]["tier"]["datasets"].values()] == ["data/x", None]


def test_every_source_with_pictures_is_known_by_the_name_that_tiers_give_it(plan):
    from recloop.commands.export import redistributed

    it = plan(studies=["pmmir", "gommir", "offline_tir"])
    known = redistributed(it)
    data = [one for study in it.studies for one in it.described_tier(study)["datasets"].values()]
    pictured = {one["source"] for one in data if one.get("pictures")}
    assert "boutique_shoes" in pictured and pictured <= known.keys()
    assert known["boutique_shoes"] is True
