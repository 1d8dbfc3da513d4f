"""What runs took: a row for each model on each data set, controls of known answers last."""

from recloop.report import cost


def test_runs_on_controls_are_counted_after_those_of_the_paper_s_data_sets():
    study = {"datasets": {"b": {"label": "B"}}, "models": {"m": {"label": "M"}}}
    spent = {"model": "m", "parameters": 10, "seconds": 1.0, "peak_memory_mb": 100.0}
    runs = [spent | {"dataset": name} for name in ("a_control", "b")]
    text, table = cost.section(study, runs, [True, False])
    assert "1 of 2 validated trainings were not trained out" in text
    assert [row[0] for row in table.rows] == ["B", "a_control"]
