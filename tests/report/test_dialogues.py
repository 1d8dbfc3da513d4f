"""The page of dialogues: it shows what was saved, from a file, by mouse and keyboard, and runs nothing of others."""

import json
import re

import polars as pl
import pytest

from recloop.report import dialogues, recorded
from recloop.report.build import build_dialogues
from recloop.report.exhibits.example import rank

STUDIES = ["pmmir", "gommir", "offline_tir"]
SCRIPTS = [
    "</script><script>window.ran = 1</script>",
    '<img src=x onerror="window.ran = 1">',
    '"><svg onload="window.ran = 1">',
    "<!--<script>",
    "\u2028&lt;b&gt;",
]


@pytest.fixture(scope="module")
def made(generated, tmp_path_factory):
    """Make the pages of generated dialogues and sessions, and give their folder."""
    output = tmp_path_factory.mktemp("dialogues")
    for name in STUDIES:
        found = generated(name)
        given = {key: found.saved[key] for key in ("tier", "scores", "splits", "runs")}
        build_dialogues(study=found.study, output=output / name, studies=STUDIES, **given)
    return output


def read(page) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="recorded">(.*?)</script>', text, re.S)[1])


def test_it_shows_what_was_saved(made, generated):
    (data,) = read(made / "pmmir/dialogues.html")["datasets"]
    scores = [path for path in generated("pmmir").saved["scores"] if path.parents[1].name == "ege"]
    lists = pl.read_parquet(scores[0].with_name("lists.parquet"))
    (model,) = [one for one in data["models"] if one["name"] == "ege"]
    assert len(data["users"]) == recorded.USERS
    for user, turns in zip(data["users"], model["turns"], strict=True):
        rows = lists.filter(session=user["number"]).sort("position").to_dicts()
        until = [row["solved"] for row in rows].index(True) if rows[-1]["solved"] else len(rows)
        assert (user["target"], user["past"]) == (rows[0]["target"], [1, 2, 3])
        assert len(turns) == min(until + 1, len(rows))
        for (position, shown, liked, said, place, off, done), row in zip(turns, rows, strict=False):
            assert (position, shown, liked) == (row["position"], row["top"], row["liked"])
            assert (done, off) == (row["solved"], None)
            assert place == (None if done else rank(row))
            assert done or data["sentences"][said] == row["critique"]


def test_one_who_names_things_holds_no_dialogue(made):
    (data,) = read(made / "offline_tir/dialogues.html")["datasets"]
    names = [one["name"] for one in data["models"]]
    assert "perception" not in names and data["pair"] == ["random", "imitation"]
    contradictions = {turn[5] for one in data["models"] for turns in one["turns"] for turn in turns}
    assert contradictions == {0, 1, 2}


def test_thumbnails_are_small_shared_and_bounded(made, monkeypatch):
    (data,) = read(made / "gommir/dialogues.html")["datasets"]
    seen = {
        item for one in data["models"] for turns in one["turns"] for t in turns for item in t[1]
    }
    seen |= {item for user in data["users"] for item in [user["target"], *user["past"]]}
    assert {int(item) for item in data["items"]} == seen
    assert max(len(one["picture"]) for one in data["items"].values()) < 8000
    monkeypatch.setattr(recorded, "ITEMS", 5)
    turn = {"top": [0, 1, 2]}
    users, items = recorded.fitting({7: 3, 8: 9}, [{7: [turn], 8: [turn]}], {7: [], 8: [4]})
    assert (users, items) == ({7: 3}, [0, 1, 2, 3])


def test_it_stands_on_plain_models_and_knows_its_neighbours(plan):
    found = plan(studies=["pmmir", "gsasrec"])
    assert found.is_told("pmmir") and not found.is_told("gsasrec")
    assert found.made("pmmir")[-3:] == ["dialogues", "claims", "page"]
    assert {(run.seed, "," in run.model) for run in found.told("pmmir")} == {(1, False)}
    more = plan(studies=["pmmir", "gommir"])
    assert more.exhibit("pmmir", "dialogues").key != found.exhibit("pmmir", "dialogues").key
    assert more.exhibit("pmmir", "page").key == found.exhibit("pmmir", "page").key


def test_there_may_be_nothing_to_compare(generated, tmp_path):
    found = generated("pmmir")
    given = {"tier": found.saved["tier"], "scores": [], "studies": []}
    build_dialogues(study=found.study, output=tmp_path / "pmmir", **given)
    assert "No two models" in (tmp_path / "pmmir/dialogues.html").read_text()


def hostile() -> dict:
    """One dialogue whose every text is a script."""
    turns = [[n, [n], None, n, 2.5, None, False] for n in range(len(SCRIPTS))]
    picture = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    items = {n: {"title": text, "picture": picture} for n, text in enumerate(SCRIPTS)}
    models = [{"name": text, "label": text, "turns": [turns]} for text in SCRIPTS[:2]]
    user = {"number": 1, "group": SCRIPTS[0], "target": 0, "past": [1]}
    data = {"name": SCRIPTS[0], "label": SCRIPTS[1], "pair": SCRIPTS[:2], "users": [user]}
    data |= {"models": models, "sentences": SCRIPTS, "items": items}
    about = {"study": "mine", "title": SCRIPTS[0], "studies": ["mine"], "stamp": SCRIPTS[1]}
    return about | {"datasets": [data]}


@pytest.mark.xdist_group("browser")
def test_texts_of_others_are_never_run(browser, tmp_path):
    (tmp_path / "dialogues.html").write_text(dialogues.render(hostile()), encoding="utf-8")
    page = browser((tmp_path / "dialogues.html").as_uri())
    said = page.run(
        "[...document.querySelectorAll('#turns blockquote')].map((one) => one.textContent)"
    )
    assert said[::2] == SCRIPTS
    assert page.run("[document.scripts.length, document.querySelectorAll('svg').length]") == [2, 0]
    # Even a tag that came through would not run: the policy of the page forbids it.
    page.run(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')"
    )
    page.run("new Promise((done) => setTimeout(done, 100))")
    assert page.run("window.ran === undefined")


@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("phone", [False, True])
def test_it_is_clicked_through_from_a_file(made, browser, phone):
    page = browser((made / "pmmir/dialogues.html").as_uri(), phone=phone)
    first = page.run("document.getElementById('summary').textContent")
    assert first.startswith("EGE: ") and "\nPMMIR_GRU: found in turn" in first
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    page.run("document.getElementById('after').focus()")
    page.press("Enter", 2)
    assert page.run("document.getElementById('user').selectedIndex") == 2
    page.run("document.getElementById('swap').click()")
    assert page.run("document.getElementById('summary').textContent").startswith("PMMIR_GRU: ")
    assert page.run("[...document.images].every((one) => one.alt && one.naturalWidth > 0)")
    address = page.run("location.href")
    assert "left=pmmir_gru&right=ege" in address
    again = browser(address)
    assert again.run("document.getElementById('user').selectedIndex") == 2
    assert page.run("document.querySelector('.studies li:nth-child(3) a').href").endswith(
        "/offline_tir/dialogues.html"
    )
    assert page.faults == again.faults == []
    assert {one.partition(":")[0] for one in page.asked} == {"file", "data"}
