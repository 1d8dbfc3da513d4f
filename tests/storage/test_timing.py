"""Jobs note what their work takes, so that the rest can be told apart."""

import pytest

from recloop.storage import timing
from recloop.storage.timing import timed


@pytest.fixture
def noted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["workflow/scripts/figure.py"])
    return lambda: [line.split("\t") for line in timing.LOG.read_text().splitlines()]


def test_a_function_keeps_its_name_and_result_and_is_noted(noted):
    @timed()
    def work(number: int) -> int:
        """Add up."""
        return sum(range(number))

    assert (work.__name__, work.__doc__) == ("work", "Add up.")
    assert work(10) == 45
    work(2_000_000)
    (rule, little), (_, more) = noted()
    assert rule == "figure"
    assert float(more) > float(little) >= 0


def test_work_that_fails_is_not_noted(noted, tmp_path):
    with pytest.raises(ZeroDivisionError), timed():
        1 / 0  # noqa: B018
    assert not (tmp_path / timing.LOG).exists()
