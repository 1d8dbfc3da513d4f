"""Known answers: what a world plants is found, and the page says so."""

import polars as pl
import pytest

from recloop.report import known
from recloop.report.build import build, build_page
from recloop.report.evidence import Evidence
from recloop.report.ledger import write
from recloop.report.verdicts import SCHEMA


def answer(better: str, worse: str, **expected: str) -> dict:
    """Ask whether one model beats another on all data sets."""
    worlds = {name: {"plants": f"{better} wins", "expected": one} for name, one in expected.items()}
    check = {"kind": "ordering", "models": [better], "than": [worse], "metrics": ["HR@10"]}
    datasets = ["rc15", "retailrocket", "lfm1b"]
    return {"claim": f"{better} wins", "worlds": worlds, "checks": [check | {"datasets": datasets}]}


@pytest.fixture(scope="module")
def paper(study) -> dict:
    answers = {
        "planted": answer("modt4r", "sasrec", shop_clicks="holds", retailrocket="holds"),
        "twin": answer("sasrec", "modt4r", shop_clicks="not", elsewhere="holds"),
        "wrong": answer("sasrec", "modt4r", shop_clicks="holds"),
        "lost": answer("ease", "modt4r", shop_clicks="holds"),
    }
    return study | {"claims": {}, "known": answers}


def test_each_world_is_judged_for_itself(paper, saved):
    evidence = Evidence.gather(paper, saved["tier"], saved["scores"], None, saved["splits"])
    rows = pl.DataFrame(known.judge_known(evidence), schema=SCHEMA)
    found = {
        (name, source): known.is_right(part)
        for (name, source), part in rows.group_by("id", "source", maintain_order=True)
    }
    assert found == {
        ("planted", "shop_clicks"): True,
        ("planted", "retailrocket"): True,
        ("twin", "shop_clicks"): True,
        ("wrong", "shop_clicks"): False,
        ("lost", "shop_clicks"): None,
    }


def test_the_page_sets_what_is_planted_beside_what_is_found(tmp_path, paper, saved):
    given = {"study": paper, "tier": saved["tier"], "splits": saved["splits"], "output": tmp_path}
    build(exhibits={"claims": saved["scores"]}, **given)
    build_page(scores=saved["scores"], **given)
    text = (tmp_path / "README.md").read_text()
    section = text.partition("## Known answers")[2].partition("\n## ")[0]
    assert "3 of 5 known answers were found" in section
    assert (
        "| shop_clicks (for RC15) | modt4r wins | modt4r wins | holds | ✔ holds | yes |" in section
    )
    assert "| sasrec wins | does not hold | ✘ fails | yes |" in section
    assert "| sasrec wins | holds | ✘ fails | **no** |" in section
    assert "– not run (" in section
    assert "0 claims." in text


def test_a_study_without_known_answers_says_nothing_of_them(tmp_path, study, saved):
    write(Evidence.gather(study | {"claims": {}}, saved["tier"], []), tmp_path / "claims")
    build_page(study, saved["tier"], [], tmp_path)
    assert "Known answers" not in (tmp_path / "README.md").read_text()
