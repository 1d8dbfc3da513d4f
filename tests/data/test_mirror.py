"""The real files, where RECLOOP_MIRROR names a folder that holds them."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

from recloop.data.read import GENERAL
from recloop.data.sources import fetch, load_source
from recloop.data.tables import write_tables

SOURCES = Path(__file__).parents[2] / "sources"
# Rows, users, sessions and items as published or as counted by hand.
COUNTS = {
    "yoochoose1_64": (486_026 + 71_222, 0, 116_167 + 15_324, 17_745),
    "yoochoose1_64_as_released": (486_026 + 71_222, 0, 116_167 + 15_324, 17_745),
    "retailrocket_sessions": (685_984 + 24_602, 0, 126_168 + 4_735, 36_968),
    "yoochoose_clicks_100k": (70_278 + 13_568, 0, 17_794 + 3_416, 2_933),
    "amazon_scientific": (85_211, 12_076, 0, 20_825),
    "amazon_instruments": (83_828, 10_000, 0, 20_618),
    "amazon_beauty": (198_502, 22_363, 0, 12_101),
    "jdata": (27_183 + 3_177, 3_880, 5_052 + 644, 12_971),
    "coat": (6_960 + 4_640, 290, 0, 300),
    "coat_environment": (87_000, 290, 0, 300),
    "movielens_small": (100_004, 671, 0, 9_066),
    "lastfm_tags": (85_011, 1_892, 0, 12_523),
    "movielens_1m_sequences": (988_555, 6_040, 0, 3_416),
    "reddit_sequences": (242_311, 1_741, 18_281, 7_202),  # users are inferred
}
MALFORMED = {"lastfm_tags": 5}  # days decades before Last.fm


def reading(source):
    """Pick the keywords of the reader that are no general ones."""
    return {key: value for key, value in source.get("reading", {}).items() if key not in GENERAL}


@pytest.mark.parametrize("name", COUNTS)
def test_real_files_have_the_known_counts(name, tmp_path):
    source = load_source(SOURCES / f"{name}.yaml")
    fetch(source, tmp_path / "raw", Path(os.environ["RECLOOP_MIRROR"]))
    reader = import_module(f"recloop.data.readers.{source['reader']}")
    found = write_tables(reader.read(tmp_path / "raw", **reading(source)), tmp_path / "tables")
    assert (found["rows"], found["users"], found["sessions"], found["items"]) == COUNTS[name]
    assert found["malformed"] == MALFORMED.get(name, 0)
    assert pl.read_parquet(tmp_path / "tables" / "items.parquet").height == found["items"]
