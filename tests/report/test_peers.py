"""What peers exchanged as figures: curves over epochs from the records of their runs."""

import polars as pl
import pytest

from recloop.report.evidence import Evidence
from recloop.report.exhibits import peers

RECORD = {
    "cosine": {"all": [0.0, 0.5, None]},
    "tensors": [
        "backbone.embedding.weight",
        "backbone.blocks.0.query.weight",
        "backbone.blocks.0.key.weight",
    ],
    "shares": {"one": [[0.5, 0.25, 0.75], [0.7, 0.5, 1.0], [None] * 3]},
}


def test_a_curve_is_of_all_tensors_or_of_each_part():
    assert peers.curves(RECORD, "cosine") == [(None, [0.0, 0.5, None])]
    assert peers.curves(RECORD, "shares") == [
        ("embedding", [0.5, 0.7, None]),
        ("blocks 0", [0.5, 0.75, None]),
    ]


def test_points_are_epochs_that_there_were(drawn):
    data = pl.read_csv(drawn("pcrec") / "figure_cosine.csv")
    shown = data.filter(model="sasrec_pcrec").drop_nulls("value")
    assert shown.select("place", "value").rows() == [(1.0, 0.1), (2.0, 0.2)]


def test_a_wrong_measure_is_explained():
    with pytest.raises(
        ValueError, match="figure_x shows 'angle' of peers, expected cosine or shares"
    ):
        peers.make(Evidence.gather({}, {}, ()), {"shown": "angle"}, "figure_x")
