"""The page over the pages of all studies."""

import copy
import csv
import json

import pytest
from jsonschema import Draft202012Validator

from recloop import __main__ as command
from recloop.report import interchange, rubric
from recloop.report.front import build_front
from recloop.storage.settings import SettingsError

STUDIES = ("gsasrec", "ialp")


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
    build_front(studies, {"tier": "laptop", "seeds": [1, 2]}, output)
    return output


def test_counts_every_study_claim_and_printed_number(front, generated):
    text = (front / "README.md").read_text(encoding="utf-8")
    claims = [claim for name in STUDIES for claim in generated(name).study["claims"]]
    assert text.startswith("# What was made, and what holds")
    assert f"**2 studies, tier laptop, seeds 1, 2.** {len(claims)} claims." in text
    assert all(f"**{claim}** " in text for claim in claims)
    assert "| [ialp](ialp/ledger.csv) | 111 |" in text
    assert "known answers found" in text


def test_links_lead_to_pages(front):
    html = (front / "index.html").read_text(encoding="utf-8")
    for name in STUDIES:
        assert f'href="{name}/index.html"' in html
        assert (front / name / "index.html").exists()


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
