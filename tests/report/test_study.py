"""What MODT4R prints, and what its printed numbers say about its claims."""

import polars as pl

from recloop.report.evidence import Evidence
from recloop.report.verdicts import in_print, judge_all


def test_all_printed_cells_are_there(reported):
    cells = dict(pl.read_csv(reported).group_by("exhibit").len().iter_rows())
    assert cells == {"table_4_2": 9, "table_4_3": 234, "table_4_4": 90}


def test_the_printed_numbers_say_about_the_claims_what_they_say(study, reported):
    tier = {"tier": "none", "datasets": {}}
    judged = judge_all(Evidence.gather(study, tier, [], reported))
    answers = {name: in_print(rows) for (name,), rows in judged.group_by("id", maintain_order=True)}
    whole = {"01": 90, "02a": 18, "02b": 12, "03": 60, "05": 39, "06": 12, "07": 24}
    for number, count in whole.items():
        assert answers[f"modt4r-{number}"] == f"holds in {count} of {count}"
    assert (
        answers["modt4r-04"] == "fails in 1 of 45: rc15 Repetitiveness@10 modt4r better than smonac"
    )
    assert answers["smorl-01"] == "holds in 26 of 26"  # SMORL and SQN of Table 4.3
    for number in ("08", "09", "10", "11", "12"):
        assert answers[f"modt4r-{number}"] == "not checkable (figure or text only)"
    assert set(judged["claim_verdict"]) == {"not run"}
    assert set(judged["not_run"]) == {"not part of this run"}
