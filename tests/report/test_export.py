"""What is packed of a run: a crate that is whole, and figures that come out again as they were packed."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from recloop.report import crate, export
from recloop.report.build import build_one
from recloop.storage.settings import SettingsError

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
    (root / "generated").symlink_to(found.root)
    found.saved["runs"][0].with_name("more.safetensors").write_text("not to be packed")
    names = [*list(found.study["tables"])[:1], *list(found.study["figures"])[:1], "claims"]
    results = shutil.copytree(drawn(STUDY), root / "results" / STUDY)
    whole = {key: found.saved[key] for key in ("tier", "scores", "splits", "runs")}
    whole |= {"study": found.study, "reported": found.reported}
    build_one(results / names[1], **whole)  # `drawn` leaves out what another study has drawn finely
    jobs = {f"{STUDY}/{name}": job(found, name) for name in names}
    files = export.files_of(root, jobs)
    texts = export.texts(jobs, RUN["name"], [], (ROOT / "envs/constraints.txt").read_text())
    texts[crate.METADATA] = described(files, texts)
    archive = tmp_path_factory.mktemp("packed") / "run.zip"
    export.pack(archive, files, texts)
    return archive, files, texts


def described(files, texts):
    """Write the metadata of what is packed."""
    return crate.describe(PROJECT, export.sizes(files, texts), [SOURCE], RUN)


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
    told = {name: text for name, text in texts.items() if name != crate.METADATA}
    export.pack(tmp_path / "again.zip", files, told | {crate.METADATA: described(files, told)})
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


@pytest.fixture(scope="module")
def graph(opened):
    """Read the entities of the crate by their name."""
    entities = json.loads((opened / crate.METADATA).read_text())["@graph"]
    by_id = {entity["@id"]: entity for entity in entities}
    assert len(by_id) == len(entities)
    return by_id


def test_the_crate_describes_every_file_and_nothing_else(packed, opened, graph):
    pointed = {one["@id"] for entity in graph.values() for one in references(entity)}
    assert {one for one in pointed if not one.startswith("http")} <= graph.keys()
    made = {unquote(name) for name, one in graph.items() if "File" in one["@type"]}
    assert made == set(zipfile.ZipFile(packed[0]).namelist()) - {crate.METADATA}
    root, run = graph["./"], graph[crate.RUN]
    assert {unquote(part["@id"]) for part in root["hasPart"]} == made | {"#data-shop"}
    assert root["mentions"] == {"@id": crate.RUN}
    assert run["instrument"] == root["mainEntity"] == {"@id": crate.MAIN}
    assert graph["LICENSE"]["contentSize"] == str((opened / "LICENSE").stat().st_size)
    assert root["license"] == PROJECT["licence"] and graph["#data-shop"]["license"] == "CC0"
    assert graph["#raw-shop-a.csv"]["sha256"] == "ab"
    assert graph["#data-shop"]["mentions"] == {"@id": "#raw-shop-a.csv"}
    assert run["endTime"] == root["datePublished"] == "2023-11-14T22:13:20+00:00"
    assert {one["@id"] for one in root["conformsTo"]} == crate.PROFILES.keys() <= graph.keys()


def test_the_crate_says_in_prov_what_was_used_and_what_came_of_it(opened, graph):
    run = graph[crate.RUN]
    assert set(run["@type"]) == {"CreateAction", "Activity"}
    began = [{"@id": name} for name in ("#data-shop", "#setting-tier")]
    assert run["object"] == began and run["used"] == [{"@id": crate.MAIN}, *began]
    assert run["wasAssociatedWith"] == run["agent"] == {"@id": "#author-1"}
    assert run["endedAtTime"] == run["endTime"]
    made = {name for name, one in graph.items() if one.get("wasGeneratedBy") == {"@id": crate.RUN}}
    assert made == {one["@id"] for one in run["result"]}
    assert {unquote(name) for name in made} == {
        str(path.relative_to(opened)) for path in (opened / "results").rglob("*") if path.is_file()
    }


def test_the_library_reads_what_it_wrote(opened, graph):
    from rocrate.rocrate import ROCrate

    read = ROCrate(opened)
    assert (read.version, read.mainEntity.id) == (crate.SPECIFICATION, crate.MAIN)
    assert len(list(read.get_entities())) == len(graph)
    made = [one for one in read.data_entities if one.type == "File"]
    assert made and all(Path(one.source).is_file() for one in made)


def test_the_library_is_asked_for_and_slows_no_other_command(monkeypatch):
    from recloop.commands import export as command

    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"an archive needs rocrate: .*\[crate\]'$") as refused:
        command.run(Namespace(archive=Path("run.zip")))
    assert "\n" not in str(refused.value)
    loads = (
        "import sys, recloop.commands.export, recloop.report.crate; print('rocrate' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def references(entity):
    """List what an entity points to."""
    for value in entity.values():
        values = value if isinstance(value, list) else [value]
        yield from (one for one in values if isinstance(one, dict) and "@id" in one)


PROV = """
PREFIX prov: <http://www.w3.org/ns/prov#>
SELECT DISTINCT ?used WHERE { ?made prov:wasGeneratedBy ?run . ?run a prov:Activity ; prov:used ?used ;
prov:wasAssociatedWith ?who ; prov:endedAtTime ?end . FILTER(datatype(?end) = xsd:dateTime) }
"""


@pytest.mark.filterwarnings("ignore")  # of rdflib, on its own past
def test_the_validator_of_the_profile_takes_the_crate(opened, monkeypatch):
    services = pytest.importorskip(
        "rocrate_validator.services", reason="needs envs/roc_validator.txt"
    )
    import rdflib
    from rocrate import vocabs
    from rocrate_validator.utils.http import HttpRequester

    # The contexts are on the network; the library has the first, of a later version, with one term in another place.
    terms = vocabs.RO_CRATE["@context"]
    terms |= {"ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow"}
    known = {f"https://w3id.org/ro/crate/{crate.SPECIFICATION}/context": terms}
    known[crate.TERMS] = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}

    def fetched(self, address, **more):
        told = SimpleNamespace(status_code=200, headers={"Content-Type": "application/ld+json"})
        told.json = lambda: {"@context": known[address]}
        return told

    monkeypatch.setattr(HttpRequester, "get", fetched, raising=False)
    settings = {"rocrate_uri": str(opened), "profile_identifier": "workflow-run-crate-0.5"}
    found = services.validate(settings | {"requirement_severity": "REQUIRED"})
    assert [issue.message for issue in found.get_issues()] == []
    data = json.loads((opened / crate.METADATA).read_text())
    data["@context"] = [
        known.get(one, one) if isinstance(one, str) else one for one in data["@context"]
    ]
    place = "http://crate.example/"
    told = rdflib.Graph().parse(data=json.dumps(data), format="json-ld", publicID=place)
    names = ("Snakefile", "#data-shop", "#setting-tier")
    assert {str(row.used) for row in told.query(PROV)} == {f"{place}{name}" for name in names}


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
