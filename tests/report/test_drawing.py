"""Names beside curves."""

from recloop.report.drawing import folded


def test_a_name_breaks_at_commas_and_at_the_width_of_its_room():
    assert folded("SASRec, alpha=1") == "SASRec,\nalpha=1"
    lines = folded("Likes less dislikes + critique, frozen").split("\n")
    assert lines == ["Likes less dislikes", "+ critique,", "frozen"]
    assert folded("DQN (log of EasyRL4Rec)") == "DQN (log of\nEasyRL4Rec)"
    assert folded("MODT4R") == "MODT4R"
