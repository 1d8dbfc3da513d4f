"""The embedded cinema: the same seed gives the same bytes, tastes are planted or dealt, talk is of other guests."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from recloop.data.worlds import cinema

ROOT = Path(__file__).parents[2]
SIZES = {"users": 80, "items": 60, "mean_length": 30}


def generate(folder, writes="movielens", seed=1, **sizes):
    cinema.generate(folder, writes, seed, SIZES | sizes)
    return folder


def means(folder) -> tuple[np.ndarray, np.ndarray]:
    """Average ratings by whether the first genre of the film is liked: of each user what is planted, and the means."""
    ratings = pl.read_csv(folder / "ratings.csv").join(
        pl.read_csv(folder / "movies.csv"), on="movieId"
    )
    truth = json.loads((folder / "truth.json").read_text())
    rows = ratings.with_columns(genre=pl.col("genres").str.split("|")).explode("genre")
    taste = np.array(truth["tastes"])
    place = {name: number for number, name in enumerate(truth["genres"])}
    felt = [
        taste[user - 1, place[genre]] for user, genre in rows.select("userId", "genre").iter_rows()
    ]
    return np.array(felt), rows["rating"].to_numpy()


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    one, again, other = (
        generate(tmp_path / name, seed=seed) for name, seed in zip("abc", (1, 1, 2), strict=True)
    )
    for name in ("ratings.csv", "movies.csv", "truth.json"):
        assert (one / name).read_bytes() == (again / name).read_bytes()
        assert (one / name).read_bytes() != (other / name).read_bytes()


def test_tastes_are_planted_or_dealt(tmp_path):
    felt, stars = means(generate(tmp_path / "planted"))
    assert stars[felt == 1].mean() > 3.4
    assert stars[felt == -1].mean() < 2.6
    felt, stars = means(generate(tmp_path / "dealt", planted=0))
    assert abs(stars[felt == 1].mean() - stars[felt == -1].mean()) < 0.35


def test_nobody_sees_a_film_twice_and_ratings_are_those_of_movielens(tmp_path):
    ratings = pl.read_csv(generate(tmp_path) / "ratings.csv")
    assert not ratings.select("userId", "movieId").is_duplicated().any()
    assert set(ratings["rating"] * 2) <= set(map(float, range(1, 11)))


def test_talk_is_told_as_the_study_tells_it(tmp_path):
    """A model that learns from talk meets the words of the study's prompts."""
    prompts = yaml.safe_load((ROOT / "studies/persoma/prompts.yaml").read_text())
    assert prompts["interaction"]["template"] == cinema.ABOUT
    assert prompts["question"]["template"] == cinema.QUESTION
    texts = pl.read_ndjson(generate(tmp_path, "talk") / "talk.jsonl")["text"].to_list()
    assert len(texts) == len(set(texts)) > 100
    asked = [text for text in texts if cinema.QUESTION in text]
    assert {text.count("\n") for text in asked} == {0, 1, 2, 3}


def test_an_unknown_size_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"cinema has no size .'guests'"):
        generate(tmp_path, guests=3)
