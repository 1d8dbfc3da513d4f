"""What runs took: a row for each model on each data set, controls last, and energy where it is counted."""

import pytest

from recloop.report import cost


def test_runs_on_controls_are_counted_after_those_of_the_paper_s_data_sets():
    study = {"datasets": {"b": {"label": "B"}}, "models": {"m": {"label": "M"}}}
    spent = {"model": "m", "parameters": 10, "seconds": 1.0, "peak_memory_mb": 100.0}
    runs = [spent | {"dataset": name} for name in ("a_control", "b")]
    text, table = cost.section(study, runs, [True, False])
    assert "1 of 2 validated trainings were not trained out" in text
    assert [row[0] for row in table.rows] == ["B", "a_control"]


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        ({}, "Energy: no counter of these machines could be read."),
        ({"gpu_joules": 2500.0}, "Energy, as the machines counted it: 5.0 kJ of GPUs (2 runs)."),
        (
            {"gpu_joules": 2500.0, "processors_joules": 1000.0},
            "Energy, as the machines counted it, by their share of the machine's processor time: "
            "2.0 kJ of processors (2 runs) and 5.0 kJ of GPUs (2 runs).",
        ),
    ],
)
def test_energy_is_what_machines_counted(counted, said):
    study = {"datasets": {"b": {"label": "B"}}, "models": {"m": {"label": "M"}}}
    spent = {"dataset": "b", "model": "m", "seconds": 1.0, "peak_memory_mb": 100.0}
    text, _ = cost.section(study, [spent | counted] * 2, [])
    assert text.endswith(said)
