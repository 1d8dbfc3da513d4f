"""Pairs and readings: what readers make of published files, how they are parted, and what is said of bad ones."""

import gzip
import json
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

from recloop.data.pairs import make_pairs, numbered, parted
from recloop.data.pairs_settings import check_settings
from recloop.data.quarantine import MalformedError
from recloop.data.readings import FEATURES, check, make_readings
from recloop.data.settings import SettingError
from recloop.data.sources import fetch, load_source
from recloop.data.worlds import letters

SOURCES = Path(__file__).parents[2] / "sources"
SHARES = {"shares": [0.6, 0.2, 0.2]}
SIZES = {"pairs": 60, "sentences": 30, "texts": 20, "words": 40, "topics": 4}


def write(folder: Path, name: str, rows: list, kind: str = "jsonl") -> Path:
    """Write rows as a published file."""
    text = json.dumps(rows) if kind == "json" else "".join(f"{json.dumps(row)}\n" for row in rows)
    (folder / name).write_bytes(
        gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    )
    return folder


def pairs_of(reader: str, raw: Path, **settings) -> list[dict]:
    return import_module(f"recloop.data.readers.{reader}").read_pairs(raw, **settings).to_dicts()


def test_dialogues_part_at_the_last_answer(tmp_path):
    said = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:"
    rows = [{"chosen": f"{said} Yes, it is.", "rejected": f"{said} Yes? No."}]
    raw = write(tmp_path, "harmless-base-test.jsonl.gz", rows)
    (found,) = pairs_of("hh_rlhf", raw)
    assert found["prompt"] == "a\n b\n c"
    assert (found["chosen"], found["rejected"]) == ("Yes, it is.", "Yes? No.")


def test_dialogues_that_do_not_part_in_an_answer_are_set_aside(tmp_path):
    rows = [{"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: c\n\nAssistant: b"}]
    raw = write(tmp_path, "harmless-base-test.jsonl.gz", rows)
    with pytest.raises(
        MalformedError,
        match="1 of 1 rows cannot be used, at most 5% may be so; row 1 has dialogues",
    ):
        pairs_of("hh_rlhf", raw)


def judged(first, second, *votes) -> dict:
    votes = {f"annotator{place}": vote for place, vote in enumerate(votes, 1)}
    return {"instruction": "i", "input": "x", "response1": first, "response2": second} | votes


def test_two_of_three_judges_decide(tmp_path):
    rows = [judged("a", "b", 2, 1, 2), judged("c", True, 1, 1, 0), judged("e", "f", 0, 1, 2)]
    found = pairs_of("pandalm", write(tmp_path, "testset-v1.json", rows, "json"))
    assert [(row["chosen"], row["rejected"]) for row in found] == [("b", "a"), ("c", "True")]
    assert {row["prompt"] for row in found} == {"i\nx"}


def test_pairs_with_an_empty_answer_are_set_aside_or_stop(tmp_path):
    rows = [judged(f"a{n}", f"b{n}", 1, 1, 1) for n in range(11)] + [judged("c", " ", 1, 1, 1)]
    assert len(pairs_of("pandalm", write(tmp_path, "testset-v1.json", rows, "json"))) == 11
    write(tmp_path, "testset-v1.json", rows[-3:], "json")
    with pytest.raises(
        MalformedError,
        match="1 of 3 rows cannot be used, at most 10% may be so; row 3 has no text as response2",
    ):
        pairs_of("pandalm", tmp_path)


def test_ties_of_auto_j_are_left_out(tmp_path):
    rows = [
        {"prompt": "p", "response 1": "a", "response 2": "b", "label": label, "scenario": "s"}
        for label in (0, 1, 2)
    ]
    found = pairs_of("autoj", write(tmp_path, "testdata_pairwise.jsonl", rows))
    assert [row["chosen"] for row in found] == ["a", "b"]


def test_the_more_helpful_reply_is_chosen(tmp_path):
    rows = [
        {"prompt": prompt, "response": reply, "helpfulness": grade}
        for prompt, reply, grade in [("p", "a", 1), ("p", "b", 4), ("q", "c", 2), ("q", "d", 2)]
    ]
    write(tmp_path, "train.jsonl.gz", rows)
    found = pairs_of("helpsteer2", write(tmp_path, "validation.jsonl.gz", rows[:2]))
    assert [(row["chosen"], row["part"]) for row in found] == [("b", "train"), ("b", "test")]


def test_the_ends_of_a_ranking_are_a_pair(tmp_path):
    replies = [("r1", "best", 0), ("r2", "worst", 2), ("r3", "middle", 1), ("r4", "unranked", None)]
    rows = [{"message_id": "m", "parent_id": None, "text": "ask", "role": "prompter", "rank": None}]
    rows += [
        {"message_id": key, "parent_id": "m", "text": text, "role": "assistant", "rank": rank}
        for key, text, rank in replies
    ]
    table = pl.DataFrame(rows).with_columns(lang=pl.lit("en"), deleted=pl.lit(False))
    for name in ("train", "validation"):
        table.write_parquet(tmp_path / f"{name}.parquet")
    found = pairs_of("oasst1", tmp_path)
    assert [(row["chosen"], row["rejected"], row["part"]) for row in found] == [
        ("best", "worst", "train"),
        ("best", "worst", "test"),
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The embedded world, small."""
    raw = tmp_path_factory.mktemp("letters")
    source = load_source(SOURCES / "letters.yaml")
    source = source | {"sizes": source["sizes"] | SIZES}
    fetch(source, raw)
    return raw, source


def test_pairs_of_one_prompt_stay_in_one_part(world, tmp_path):
    raw, source = world
    record = make_pairs(raw, source, tmp_path, {"max_characters": 200}, SHARES, seed=1)
    parts = {
        name: pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("train", "valid", "test")
    }
    prompts = [set(part["prompt"]) for part in parts.values()]
    assert not (prompts[0] & prompts[1] or prompts[0] & prompts[2] or prompts[1] & prompts[2])
    assert sum(map(len, parts.values())) == record["steps"][-1]["interactions"]
    pairs = pl.concat(parts.values())
    longer = pl.max_horizontal(pl.col("chosen", "rejected").str.len_chars())
    assert pairs.select((pl.col("prompt").str.len_chars() + longer).max()).item() <= 200
    assert record == make_pairs(raw, source, tmp_path, {"max_characters": 200}, SHARES, seed=1)


def test_what_is_tested_on_is_not_trained_on():
    rows = pl.DataFrame({"prompt": list("abcdeffg"), "part": ["train"] * 6 + ["test"] * 2})
    rows = numbered(rows.with_columns(chosen="prompt", rejected="part", kind="part"))
    parts = parted(rows, {"by": "given", "valid": 0.3}, seed=1)
    assert parts["test"]["prompt"].to_list() == ["f", "g"]
    assert sorted([*parts["train"]["prompt"], *parts["valid"]["prompt"]]) == list("abcde")


def test_nothing_left_is_said_in_one_line(world, tmp_path):
    raw, source = world
    with pytest.raises(MalformedError, match="no pair is left of 60; last step: short enough"):
        make_pairs(raw, source, tmp_path, {"max_characters": 1}, SHARES, seed=1)


def test_readings_are_parted_by_sentences(world, tmp_path):
    raw, source = world
    record = make_readings(raw, source, tmp_path, {"kind": "readings"}, SHARES, seed=1)
    parts = [pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("train", "valid", "test")]
    assert record["features"] == list(FEATURES)
    assert [part["session"].n_unique() for part in parts] == [18, 6, 6]
    assert sum(part["session"].n_unique() for part in parts) == 30


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("0,9,,1,1,1,1,1", "has an empty word or no number"),
        ("0,9,word,1,1,x,1,1", "line 3 has an empty word or no number"),
    ],
)
def test_a_word_without_a_measure_is_named(tmp_path, line, why):
    text = "\n".join(
        [",".join(("sentence", "position", "word", *FEATURES)), "0,8,word,1,1,1,1,1", line]
    )
    (tmp_path / "words.csv").write_text(text + "\n")
    with pytest.raises(MalformedError, match=why):
        import_module("recloop.data.readers.letters").read_words(tmp_path)


@pytest.mark.parametrize(
    ("word", "measure", "why"),
    [
        (" ", 1.0, "1 words are empty; expected a text"),
        ("word", None, "TRT of 1 words is no number"),
    ],
)
def test_an_empty_word_and_a_measure_that_is_none_stop(tmp_path, word, measure, why):
    rows = pl.DataFrame({"word": ["some", word], "TRT": [2.0, measure]})
    with pytest.raises(MalformedError, match=why):
        check(rows, ["TRT"], tmp_path)


@pytest.mark.parametrize(
    ("prepare", "split", "why"),
    [
        ({"kind": "pears"}, SHARES, "prepare.kind: unknown 'pears'; did you mean 'pairs'"),
        ({}, {}, "split.shares are missing"),
        ({"max_characters": 0}, SHARES, "prepare.max_characters is 0, expected a whole number"),
        ({"kind": "readings", "pairs": 3}, SHARES, "are for pairs; readings have none"),
        (
            {"instead": {"zuco": 3}},
            SHARES,
            "prepare.instead is .*expected data sets by those",
        ),
    ],
)
def test_wrong_settings_are_named(prepare, split, why):
    with pytest.raises(SettingError, match=why):
        check_settings(prepare, split)


# -- the world is as it says -------------------------------------------------------------------------------------------


def hard_share(text: str, truth: dict) -> float:
    known = [truth[word.rstrip(".")]["hard"] for word in text.split() if word.rstrip(".") in truth]
    return sum(known) / len(known)


def read(folder: Path) -> tuple[list[dict], pl.DataFrame, dict]:
    pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    return pairs, pl.read_csv(folder / "words.csv"), json.loads((folder / "truth.json").read_text())


def test_what_is_hard_costs_time_and_is_not_liked(tmp_path):
    letters.generate(tmp_path, "letters", 3, SIZES | {"pairs": 200})
    pairs, words, truth = read(tmp_path)
    easier = [
        hard_share(one["chosen"], truth) < hard_share(one["rejected"], truth) for one in pairs
    ]
    assert sum(easier) > 0.85 * len(pairs)
    known = words.with_columns(pl.col("word").str.strip_chars(".")).filter(
        pl.col("word").is_in(list(truth))
    )
    known = known.with_columns(
        hard=pl.col("word").replace_strict({w: t["hard"] for w, t in truth.items()})
    )
    cost = known.group_by("hard").agg(pl.col("TRT", "FFD").mean()).sort("hard")
    assert cost["TRT"][1] - cost["TRT"][0] == pytest.approx(letters.BY_HARDNESS / 25, abs=1.0)
    assert abs(cost["FFD"][1] - cost["FFD"][0]) < 0.5  # the first look does not know


def test_without_a_cause_hard_words_say_nothing(tmp_path):
    letters.generate(tmp_path, "letters", 3, SIZES | {"pairs": 200, "cause": 0, "hidden": 0})
    pairs, _, truth = read(tmp_path)
    easier = [
        hard_share(one["chosen"], truth) < hard_share(one["rejected"], truth) for one in pairs
    ]
    assert 0.3 * len(pairs) < sum(easier) < 0.65 * len(pairs)


def test_hardness_hangs_on_nothing_else():
    import numpy as np

    language = letters.Language(100, 5, np.random.default_rng(2))
    length = np.array([len(word) for word in language.words])
    assert abs(np.corrcoef(length, language.hard)[0, 1]) < 0.2
    assert abs(np.corrcoef(language.rarity, language.hard)[0, 1]) < 0.1
    assert language.hard.sum() == 50


def test_the_world_refuses_what_it_has_not(tmp_path):
    with pytest.raises(ValueError, match=r"letters has no size \['letters'\]"):
        letters.generate(tmp_path, "letters", 1, {"letters": 3})
    with pytest.raises(ValueError, match="letters cannot write 'styles'"):
        letters.generate(tmp_path, "styles", 1, {})
