"""Known answers: what a world plants is found, and the page says so."""

import pytest

from recloop.report import known
from recloop.report.build import build, build_page
from recloop.report.evidence import Evidence
from recloop.report.ledger import write


def answer(better: str, worse: str, dataset: str, expected: str) -> dict:
    """Ask whether one model beats another on one data set."""
    check = {"kind": "ordering", "models": [better], "than": [worse], "metrics": ["HR@10"]}
    checks = [check | {"datasets": [dataset]}]
    return {"plants": f"{better} wins", "expected": expected, "checks": checks}


@pytest.fixture(scope="module")
def paper(study) -> dict:
    answers = {
        "planted": answer("modt4r", "sasrec", "rc15", "holds"),
        "twin": answer("sasrec", "modt4r", "retailrocket", "not"),
        "wrong": answer("sasrec", "modt4r", "rc15", "holds"),
        "lost": answer("ease", "modt4r", "rc15", "holds"),
        "control": answer("modt4r", "sasrec", "rc15_noise", "not"),
    }
    return study | {"claims": {}, "known": answers}


def test_verdicts_are_compared_with_what_is_planted(paper, saved):
    evidence = Evidence.gather(paper, saved["tier"], saved["scores"], None, saved["splits"])
    rows = known.judge_known(evidence).group_by("id", maintain_order=True)
    found = {name: known.is_right(part) for (name,), part in rows}
    assert found == {"planted": True, "twin": True, "wrong": False, "lost": None, "control": None}


def test_the_page_sets_what_is_planted_beside_what_is_found(tmp_path, paper, saved):
    given = {"study": paper, "tier": saved["tier"], "splits": saved["splits"], "output": tmp_path}
    build(exhibits={"claims": saved["scores"]}, **given)
    build_page(scores=saved["scores"], **given)
    text = (tmp_path / "README.md").read_text()
    section = text.partition("## Known answers")[2].partition("\n## ")[0]
    assert "2 of 5 known answers were found" in section
    start = "| shop_clicks (for RC15) | modt4r wins | 1 of 1, 1 certain |"
    assert f"{start} hold | ✔ holds | yes |" in section
    assert "| 0 of 1, 0 certain | do not hold | ✘ fails | yes |" in section
    assert "| 0 of 1, 0 certain | hold | ✘ fails | **no** |" in section
    assert "– not run (" in section
    assert "0 claims." in text


def test_a_study_without_known_answers_says_nothing_of_them(tmp_path, study, saved):
    unknown = study | {"claims": {}, "known": {}}
    write(Evidence.gather(unknown, saved["tier"], []), tmp_path / "claims")
    build_page(unknown, saved["tier"], [], tmp_path)
    assert "Known answers" not in (tmp_path / "README.md").read_text()
