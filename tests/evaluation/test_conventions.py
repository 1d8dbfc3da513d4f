"""Lists of others: metrics by brute force over all orders of ties, files that are refused, and libraries."""

import csv
import itertools
import math
import runpy
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop import __main__ as command
from recloop.evaluation import conventions, foreign
from recloop.evaluation.conventions import Convention
from recloop.storage.settings import SettingsError

ROOT = Path(__file__).parents[2]
PAIR = {"user": pl.String, "item": pl.String}
CUTOFFS = [1, 2, 4]


def frames(listed, relevant):
    """Make lists and truth of dictionaries by user: item to score, and items."""
    rows = [(user, item, float(s)) for user, found in listed.items() for item, s in found.items()]
    pairs = [(user, item) for user, found in relevant.items() for item in sorted(found)]
    lists = pl.DataFrame(rows, schema=PAIR | {"score": pl.Float64}, orient="row")
    return lists, pl.DataFrame(pairs, schema=PAIR, orient="row")


def orders(scores, ties):
    """List the orders in which a list may be read."""
    if ties == "expected":
        every = itertools.permutations(scores)
        return [o for o in every if all(scores[a] >= scores[b] for a, b in itertools.pairwise(o))]
    names = sorted(scores, reverse=True) if ties == "item" else list(scores)
    return [tuple(sorted(names, key=lambda item: -scores[item]))]


def brute(listed, relevant, k, by):
    """Compute the four metrics user by user and order by order."""
    gain = {"rank + 1": lambda r: 1 / math.log2(r + 1), "rank": lambda r: 1 / max(math.log2(r), 1)}
    gain, found = gain[by.discount], []
    users = [u for u in relevant if by.absent == "zero" or u in listed]
    for user in users:
        wanted, seen = relevant[user], []
        for order in orders(listed.get(user, {}), by.ties):
            places = [r for r, item in enumerate(order, start=1) if item in wanted and r <= k]
            gains = [sum(gain(r) for r in places), len(places), sum(1 / r for r in places)]
            if by.unit == "event":
                seen.append([gains[1], gains[1], gains[0], gains[2]])
                continue
            best = sum(
                map(gain, range(1, 1 + (min(len(wanted), k) if by.ideal == "cut" else len(wanted))))
            )
            among = min(len(wanted), k) if by.recall == "cut" else len(wanted)
            first = 1 / places[0] if places else 0
            seen.append([bool(places), gains[1] / among, gains[0] / best, first])
        found.append(np.mean(seen, axis=0))
    count = sum(len(relevant[u]) for u in users) if by.unit == "event" else len(users)
    return np.sum(found, axis=0) / count


@st.composite
def cases(draw):
    """Draw lists of few scores and what is relevant; user c has no list."""
    items = st.sampled_from("pqrstu")
    listed = {
        u: draw(st.dictionaries(items, st.integers(0, 2), min_size=1, max_size=5)) for u in "ab"
    }
    relevant = {user: draw(st.sets(items, min_size=1, max_size=4)) for user in "abc"}
    by = Convention(
        **{name: draw(st.sampled_from(known)) for name, known in conventions.CHOICES.items()}
    )
    return listed, relevant, by


@settings(max_examples=25)
@given(cases())
def test_every_convention_is_the_mean_over_the_orders_that_it_allows(case):
    listed, relevant, by = case
    found = conventions.score(*frames(listed, relevant), CUTOFFS, by)
    for k in CUTOFFS:
        assert [found[f"{name}@{k}"] for name in conventions.METRICS] == pytest.approx(
            brute(listed, relevant, k, by)
        )


def test_one_relevant_item_is_an_event_as_in_our_own_lists():
    own = pl.DataFrame(
        {"session": [1, 1], "position": [1, 2], "target": [5, 9], "top": [[4, 5, 6], [1, 2, 3]]},
        schema_overrides={"top": pl.Array(pl.Int32, 3)},
    )
    found = conventions.score(*conventions.of_own(own), [3])
    assert found == pytest.approx(
        {"HR@3": 0.5, "Recall@3": 0.5, "NDCG@3": 0.5 / math.log2(3), "MRR@3": 0.25}
    )


GOOD = "user,item,score\na,1,3\na,2,2\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user,item\na,1\n", "no column rank or score; it has user, item"),
        ("user,product,score\na,1,3\n", "no column item"),
        ("user,item,score\na,1,3\na,1,2\n", "user a has item 1 twice"),
        ("user,item,score\na,1,high\n", "score of user a, item 1 is no finite number"),
        ("user,item,score\na,1,nan\n", "score of user a, item 1 is no finite number"),
        ("user,item,score\n,1,3\n", "empty"),
        ("user,item,score,rank\na,1,3,2\na,2,2,1\n", "rank and score of user a disagree"),
        ("user,item,score\nz,1,3\n", "no user in common"),
        ("user,item,score\n", "no row"),
    ],
)
def test_wrong_lists_are_refused_in_one_line(tmp_path, text, says):
    lists, truth = tmp_path / "lists.csv", tmp_path / "truth.csv"
    lists.write_text(text)
    truth.write_text("user,item\na,1\n")
    with pytest.raises(SettingsError, match=says):
        foreign.read(lists, truth)


def test_a_command_scores_lists(tmp_path, capsys):
    lists, truth = tmp_path / "lists.csv", tmp_path / "truth.csv"
    lists.write_text(GOOD)
    truth.write_text("user,item\na,2\nb,1\n")
    assert (
        command.main(["audit", "recs", str(lists), "--truth", str(truth), "--k", "2", "--csv"]) == 0
    )
    rows = {row["convention"]: row for row in csv.DictReader(capsys.readouterr().out.splitlines())}
    assert float(rows["ours"]["NDCG@2"]) == pytest.approx(0.5 / math.log2(3), abs=1e-6)
    assert float(rows["trec_eval"]["NDCG@2"]) == pytest.approx(1 / math.log2(3), abs=1e-6)
    assert command.main(["audit", "recs", str(lists)]) == 1
    assert "--truth: name the file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["trec_eval", "LensKit"])
def test_a_library_agrees_by_its_conventions_and_not_without(name):
    ours = runpy.run_path(str(ROOT / "benchmarks/cross_evaluation.py"))
    pytest.importorskip(ours["LIBRARIES"][name][0])
    rows = ours["compared"](name, *ours["drawn"](), CUTOFFS)
    assert max(row[-1] for row in rows) < ours["AGREES"]
    assert all(abs(row[2] - row[3]) > ours["AGREES"] for row in rows)


def test_kept_numbers_agree():
    with (ROOT / "docs/cross_evaluation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["library"] for row in rows} == set(conventions.LIBRARIES)
    assert {row["lists"] for row in rows} > {"drawn"}
    for row in rows:
        theirs, same = (float(row[name]) for name in ("theirs", "ours by its conventions"))
        assert theirs == pytest.approx(same, abs=1e-6)
