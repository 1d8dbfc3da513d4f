"""Names beside curves."""

from recloop.report.drawing import folded


def test_a_name_breaks_at_commas_and_at_the_width_of_its_room():
    assert folded("SASRec, alpha=1") == "SASRec,\nalpha=1"
    lines = folded("Likes less dislikes + critique, frozen", width=24).split("\n")
    assert lines == ["Likes less dislikes +", "critique,", "frozen"]
    assert folded("MODT4R") == "MODT4R"
