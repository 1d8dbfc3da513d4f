"""What is left to ask, by hand, and at which speed."""

from recloop.simulators import previews


def test_a_preview_stands_before_the_first_part_and_behind_it(monkeypatch):
    clock = iter([0.0, 36.0])
    monkeypatch.setattr(previews.time, "monotonic", lambda: next(clock))
    lines, costs = [], [(4, 100), (6, 200), (5, 100), (1, 10)]
    assert list(previews.left_to_ask(costs, [True, False, False, False], lines.append)) == [1, 2, 3]
    before, after = lines
    assert before == (
        "16 prompts, 4 answered before; 12 to ask: 310 tokens, at most 0 in answers, at an unknown speed"
    )
    assert after.startswith("16 prompts, 10 answered before; 6 to ask: 110 tokens")
    assert after.endswith("about 0.0055 hours")  # 110 tokens of 36/200 seconds


def test_nothing_is_said_where_nobody_is_asked_or_nothing_is_left():
    lines = []
    assert list(previews.left_to_ask([(0, 0), (0, 0)], [False, False], lines.append)) == [0, 1]
    assert list(previews.left_to_ask([(3, 9)], [True], lines.append)) == []
    assert lines == []
