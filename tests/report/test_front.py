"""The page over the pages of all studies."""

import copy
import csv
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from recloop import __main__ as command
from recloop.report import interchange, rubric, steps
from recloop.report.front import build_front
from recloop.storage.settings import SettingsError

ROOT = Path(__file__).parents[2]
STUDIES = ("gsasrec", "ialp")
SHOP = {
    "title": "A shop",
    "licence": "CC0",
    "redistribute": True,
    "homepage": "https://shop.example",
}
WORLD = {
    "title": "Ring",
    "licence": "MIT",
    "redistribute": False,
    "homepage": None,
    "record": "gone",
}
WORK = {
    "raw": {"count": 2, "made_from": []},
    "tables": {"count": 2, "made_from": ["raw"]},
    "experience": {"count": 1, "made_from": ["raw", "tables", "weights"]},
    "weights": {"count": 1234, "made_from": ["raw", "tables", "experience"]},
    "pages": {"count": 2, "made_from": ["weights"]},
}


@pytest.fixture(scope="module")
def front(drawn, generated, tmp_path_factory):
    """Make it over two generated studies, and give its folder."""
    output = tmp_path_factory.mktemp("front")
    studies = {}
    for name in STUDIES:
        (output / name).symlink_to(drawn(name))
        found = generated(name)
        studies[name] = {
            "title": found.study["title"],
            "datasets": found.saved["tier"]["datasets"],
            "runs": [str(path) for path in found.saved["runs"]],
        }
    record = output / "fetched.json"
    files = {f"{letter}.csv": {"sha256": letter * 64} for letter in "abcdef"}
    record.write_text(json.dumps(files), encoding="utf-8")
    raw = {"shop": SHOP | {"record": str(record)}, "ring": WORLD}
    build_front(studies, {"tier": "laptop", "seeds": [1, 2]}, output, raw, WORK)
    return output


def test_counts_every_study_claim_and_printed_number(front, generated):
    text = (front / "README.md").read_text(encoding="utf-8")
    claims = [claim for name in STUDIES for claim in generated(name).study["claims"]]
    assert text.startswith("# What was made, and what holds")
    fewer = "1 of them on MovieLens 1M (gsasrec), Coat (ialp), LFM (ialp)"
    assert f"**2 studies, tier laptop, seeds 1, 2; {fewer}.** {len(claims)} claims." in text
    assert all(f"**{claim}** " in text for claim in claims)
    assert "| [ialp](ialp/ledger.csv) | 129 |" in text
    assert "known answers found" in text


def test_links_lead_to_pages(front):
    html = (front / "index.html").read_text(encoding="utf-8")
    for name in STUDIES:
        assert f'href="{name}/index.html"' in html
        assert (front / name / "index.html").exists()


def test_says_whose_the_raw_data_are_and_which_bytes_of_them(front):
    text = (front / "README.md").read_text(encoding="utf-8")
    shown = "<br>".join([*(f"{letter}.csv `{letter * 12}`" for letter in "abcd"), "and 2 more"])
    assert f"| `shop` [A shop](https://shop.example) | CC0 | yes | {shown} |" in text
    assert "| `ring` Ring | MIT | no | not here |" in text
    assert f"| polars | {version('polars')} |" in text


def test_the_graph_of_all_work_is_a_figure_and_a_table(front):
    text = (front / "README.md").read_text(encoding="utf-8")
    assert "| weights | 1,234 | raw, tables, experience |" in text
    html = (front / "index.html").read_text(encoding="utf-8")
    assert 'src="steps.svg"' in html
    ids = re.findall(r' id="([^"]+)"', html)
    assert len({*ids}) == len(ids)
    assert all((front / f"steps.{end}").stat().st_size for end in ("pdf", "svg", "png", "csv"))
    assert steps.layers(WORK) == {"raw": 0, "tables": 1, "experience": 2, "weights": 3, "pages": 4}
    told = [("raw", "tables"), ("tables", "experience"), ("weights", "experience")]
    assert steps.arrows(WORK) == [*told, ("experience", "weights"), ("weights", "pages")]


def test_dvc_shows_headline_numbers(front, said, tmp_path):
    (tmp_path / "results").mkdir()
    for name in ("metrics.json", "scores.csv"):
        shutil.copyfile(front / name, tmp_path / "results" / name)
    shutil.copyfile(ROOT / "dvc.yaml", tmp_path / "dvc.yaml")

    def dvc(*words):
        command = [sys.executable, "-m", "dvc", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in words else None

    dvc("init", "--no-scm", "--quiet")
    (metrics,) = dvc("metrics", "show", "--json")[""]["data"].values()
    paper = said["papers"][1]
    shown = metrics["data"]["ialp"]
    assert shown["score"] == paper["rubric"]["score"]
    assert sum(shown["claims"].values()) == len(paper["claims"])
    assert sum(shown["cells"].values()) == len(paper["cells"])
    assert {"stand_in", "not_run"} <= shown["cells"].keys()
    plotted = json.dumps(dvc("plots", "show", "--json"))
    assert all(name in plotted for name in STUDIES)


@pytest.fixture(scope="module")
def said(front):
    return json.loads((front / "claims.json").read_text(encoding="utf-8"))


def test_every_cell_and_claim_is_in_a_file_of_the_published_form(front, said, generated):
    schema = json.loads((front / "verdicts.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(said)
    assert [paper["id"] for paper in said["papers"]] == list(STUDIES)
    for paper in said["papers"]:
        assert [one["id"] for one in paper["claims"]] == list(
            generated(paper["id"]).study["claims"]
        )
        with (front / paper["id"] / "ledger.csv").open(encoding="utf-8") as file:
            ledger = list(csv.DictReader(file))
        assert [one["printed"] for one in paper["cells"]] == [float(row["value"]) for row in ledger]
        assert [one["status"] for one in paper["cells"]] == [row["status"] for row in ledger]


def test_a_score_is_on_both_pages(front, said):
    score = rubric.percent(said["papers"][0]["rubric"]["score"])
    assert score in (front / "README.md").read_text(encoding="utf-8")
    assert f"| **whole** | 1 | {rubric.count(said['papers'][0]['rubric'])} | {score} |" in (
        front / STUDIES[0] / "README.md"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda paper: paper["cells"][0].update(status="reproducd"), "did you mean 'reproduced'"),
        (lambda paper: paper["cells"][0].update(ours="0.1"), "ours"),
        (lambda paper: paper.pop("claims"), "claims"),
        (lambda paper: paper["claims"].append(paper["claims"][0]), "gsasrec-01 stands twice"),
        (lambda paper: paper["rubric"].update(score=0.99), "score 0.99, but its parts have"),
    ],
)
def test_a_fault_in_a_file_of_others_is_named(said, spoil, says):
    wrong = copy.deepcopy(said)
    spoil(wrong["papers"][0])
    with pytest.raises(SettingsError, match=says):
        interchange.check_document(wrong, "theirs.json")


def test_files_are_checked_by_a_command(front, tmp_path, capsys):
    assert command.main(["audit", "claims", str(front / "claims.json")]) == 0
    assert capsys.readouterr().out.startswith("gsasrec: ")
    (tmp_path / "theirs.json").write_text("{'format': 1}")
    assert command.main(["audit", "claims", str(tmp_path / "theirs.json")]) == 1
    assert "theirs.json is not JSON: line 1" in capsys.readouterr().err
