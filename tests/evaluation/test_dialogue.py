"""Metrics of dialogues, by hand, and in the statistics of the other studies."""

import polars as pl
import pytest
import torch

ROWS = [  # session, turn, better, tied, solved, group
    (0, 0, 3, 97, False, "cold"),
    (0, 1, 5, 1, False, "cold"),
    (0, 2, 1, 1, True, "cold"),
    (1, 0, 3, 97, False, "warm"),
    (1, 1, 2, 2, False, "warm"),  # tied on ranks 3 and 4, and not the one of them that was shown
    (1, 2, 30, 1, False, "warm"),
    (2, 0, 0, 1, True, "warm"),
    (2, 1, 0, 0, True, "warm"),
    (2, 2, 0, 0, True, "warm"),
]


@pytest.fixture
def lists():
    columns = ["session", "position", "better", "tied", "solved", "group"]
    frame = pl.DataFrame(ROWS, schema=columns, orient="row")
    top = pl.Series("top", [[1, 2, 3]] * len(ROWS), dtype=pl.Array(pl.Int32, 3))
    return frame.with_columns(top)


def test_metrics_by_hand(lists):
    from recloop.evaluation.dialogue import evaluate

    rows = evaluate(lists, 2)
    found = {(metric, k): value for metric, k, value in rows.iter_rows()}
    log3, log4, log5 = (1 / torch.tensor(n).log2().item() for n in (3.0, 4.0, 5.0))
    log7 = 1 / torch.tensor(7.0).log2().item()
    assert found["SR", 1] == pytest.approx(1 / 3)
    assert found["SR", 2] == pytest.approx((1 + 0 + 1) / 3)
    assert found["NDCG@3", 1] == pytest.approx((0 + log4 / 2 + 1) / 3)
    assert found["NDCG@10", 1] == pytest.approx((log7 + (log4 + log5) / 2 + 1) / 3)
    assert found["NDCG@3", 2] == pytest.approx((log3 + 0 + 1) / 3)
    assert found["SR_cold", 2] == 1
    assert found["SR_warm", 2] == pytest.approx(0.5)
    assert len(found) == 3 * 3 * 2
    for (metric, k), value in found.items():
        from recloop.evaluation import metrics

        assert metrics.per_event(lists, metric, k).mean() == pytest.approx(value)


def test_one_group_is_not_a_group(lists):
    from recloop.evaluation.dialogue import evaluate

    rows = evaluate(lists.with_columns(group=pl.lit("all")), 1)
    assert set(rows["metric"]) == {"SR", "NDCG@3", "NDCG@10"}


def test_turns_that_were_not_held_and_empty_lists_are_refused(lists):
    from recloop.evaluation.dialogue import evaluate

    with pytest.raises(ValueError, match="end at turn 2"):
        evaluate(lists, 3)
    with pytest.raises(ValueError, match="empty"):
        evaluate(lists.clear(), 2)


def test_every_draw_of_dialogues_is_a_mean_of_dialogues(lists):
    from recloop.evaluation.results import Quantity, Results, Sampling

    sampling = Sampling(Results([], {}), draws=128)
    for metric in ("SR", "NDCG@3"):
        drawn = sampling.draw_run(Quantity("d", "m", metric, 2), lists)
        weights = sampling.sessions["d"][1].weights
        from recloop.evaluation import metrics

        scores = metrics.per_event(lists, metric, 2)
        assert drawn == pytest.approx(scores @ weights / weights.sum(0))
    warm = sampling.draw_run(Quantity("d", "m", "SR_warm", 2), lists)
    weights = sampling.sessions["d_warm"][1].weights
    assert warm == pytest.approx(weights[1] / 2)  # one of the two warm users succeeds


def test_a_random_first_list_is_the_top_of_a_random_ranking():
    from recloop.evaluation.ranking import GAINS, expected_gain
    from recloop.simulators.rollout import by_chance

    shown = torch.tensor([[4, 7, 2], [4, 7, 2]])
    better, tied = by_chance(shown, torch.tensor([7, 5]), 100)
    assert better.tolist() == [1, 3]
    assert tied.tolist() == [1, 97]
    gain = expected_gain(better.numpy(), tied.numpy(), 10, GAINS["HR"])
    assert gain == pytest.approx([1, 7 / 97])
