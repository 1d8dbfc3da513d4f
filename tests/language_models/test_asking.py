"""Nothing is asked twice, nothing that was answered is lost, and many jobs may write at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recloop.language_models import asking
from recloop.language_models.answers import Answer, Answers
from recloop.language_models.asking import Local, ask, preview
from recloop.language_models.constraint import OneOf, OnlyItems
from recloop.language_models.decoding import Decoding

ROOT = Path(__file__).parents[2]
GREEDY = Decoding(max_tokens=4)
PROMPTS = ["a red shoe", "a blue shoe", "a red shoe", "Live Forever"]


class Parrot:
    """Says a prompt back, counts how often it is asked and dies when it is told to."""

    revision = "parrot 1"

    def __init__(self, dies_after=None):
        self.asked, self.dies_after = [], dies_after

    def count(self, prompts, decoding):
        return [len(prompt) for prompt in prompts]

    def answers(self, prompts, decoding):
        for place, prompt in enumerate(prompts):
            if len(self.asked) == self.dies_after:
                raise KeyboardInterrupt
            self.asked.append(prompt)
            yield {place: Answer(f"{prompt}!", tokens=2, seconds=0.5, asked=len(prompt))}


def texts(found):
    return [one.text for one in found]


def quiet(line):
    pass


def test_a_prompt_is_asked_once_and_answered_as_often_as_it_stands_there(tmp_path):
    parrot = Parrot()
    found = ask(parrot, PROMPTS, GREEDY, Answers(tmp_path, "parrot 1"), quiet)
    assert texts(found) == ["a red shoe!", "a blue shoe!", "a red shoe!", "Live Forever!"]
    assert parrot.asked == ["a red shoe", "a blue shoe", "Live Forever"]


def test_a_second_run_asks_nothing_and_gets_the_same(tmp_path):
    first = ask(Parrot(), PROMPTS, GREEDY, Answers(tmp_path, "parrot 1"), quiet)
    again = Parrot(dies_after=0)
    assert ask(again, PROMPTS, GREEDY, Answers(tmp_path, "parrot 1"), quiet) == first
    assert again.asked == []


def test_another_decoding_or_model_is_another_question(tmp_path):
    ask(Parrot(), PROMPTS, GREEDY, Answers(tmp_path, "parrot 1"), quiet)
    for change in (Decoding(max_tokens=5), Decoding(max_tokens=4, seed=1)):
        parrot = Parrot()
        ask(parrot, PROMPTS, change, Answers(tmp_path, "parrot 1"), quiet)
        assert len(parrot.asked) == 3
    with pytest.raises(ValueError, match="holds answers of 'parrot 2', expected 'parrot 1'"):
        ask(Parrot(), PROMPTS, GREEDY, Answers(tmp_path, "parrot 2"), quiet)


def test_a_killed_job_loses_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        ask(Parrot(dies_after=2), PROMPTS, GREEDY, Answers(tmp_path, "parrot 1"), quiet)
    rest = Parrot()
    found = ask(rest, PROMPTS, GREEDY, Answers(tmp_path, "parrot 1"), quiet)
    assert rest.asked == ["Live Forever"]
    assert texts(found)[-1] == "Live Forever!"


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_line_that_was_left_half_is_asked_again_and_spoils_no_other(tmp_path, cut):
    record = Answers(tmp_path, "parrot 1")
    ask(Parrot(), PROMPTS, GREEDY, record, quiet)
    whole = record.path.read_bytes()
    record.path.write_bytes(whole[:-cut])
    rest = Parrot()
    found = ask(rest, PROMPTS, GREEDY, Answers(tmp_path, "parrot 1"), quiet)
    assert rest.asked == ["Live Forever"]
    assert texts(found)[-1] == "Live Forever!"
    assert len(Answers(tmp_path, "parrot 1").found) == 3


def test_an_answer_that_somebody_edited_is_refused(tmp_path):
    record = Answers(tmp_path, "parrot 1")
    ask(Parrot(), PROMPTS, GREEDY, record, quiet)
    text = record.path.read_text()
    record.path.write_text(text.replace('"prompt": "a red shoe"', '"prompt": "a red hat"'))
    with pytest.raises(ValueError, match=r"is not what was written .* somebody edited it"):
        Answers(tmp_path, "parrot 1")


def test_the_record_says_all(tmp_path):
    record = Answers(tmp_path, "parrot 1")
    ask(Parrot(), PROMPTS[:1], GREEDY, record, quiet)
    assert json.loads(record.path.read_text()) == {
        "key": record.key("a red shoe", GREEDY),
        "prompt": "a red shoe",
        "revision": "parrot 1",
        "decoding": {"max_tokens": 4, "temperature": 0.0, "top_p": 1.0, "seed": 0, "chat": False},
        "answer": "a red shoe!",
        "tokens": 2,
        "seconds": 0.5,
        "asked": 10,
    }


def test_of_two_jobs_the_first_answer_is_both_jobs(tmp_path):
    one, two = Answers(tmp_path, "parrot 1"), Answers(tmp_path, "parrot 1")
    one.add([("p", GREEDY, Answer("first", 1, 0.1))])
    two.add([("p", GREEDY, Answer("second", 1, 0.1)), ("q", GREEDY, Answer("other", 1, 0.1))])
    one.refresh()
    for record in (one, two, Answers(tmp_path, "parrot 1")):
        assert record.get("p", GREEDY).text == "first"
        assert record.get("q", GREEDY).text == "other"


WRITER = """
import sys
from pathlib import Path
from recloop.language_models.answers import Answer, Answers
from recloop.language_models.decoding import Decoding
record, me = Answers(Path(sys.argv[1]), "parrot 1"), sys.argv[2]
for number in range(60):
    record.add([(f"prompt {number} " + "x" * 5000, Decoding(), Answer(me, 1, 0.0))])
"""


def test_jobs_write_at_once(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    jobs = [subprocess.Popen([*command, str(me)], cwd=ROOT) for me in range(3)]
    assert [job.wait() for job in jobs] == [0, 0, 0]
    record = Answers(tmp_path, "parrot 1")
    assert len(record.found) == 60
    assert len(record.path.read_text().splitlines()) == 60  # none was written twice


# -- cost --------------------------------------------------------------------------------------------------------------


def test_a_preview_by_hand(tmp_path):
    record = Answers(tmp_path, "parrot 1")
    seen = preview(Parrot(), PROMPTS, GREEDY, record)
    assert (seen.prompts, seen.known, seen.asked, seen.said) == (3, 0, 10 + 11 + 12, 3 * 4)
    assert seen.hours is None
    assert str(seen) == (
        "3 prompts, 0 answered before; 3 to ask: 33 tokens, at most 12 in answers, at an unknown speed"
    )
    record.add([("a red shoe", GREEDY, Answer("!", tokens=5, seconds=30.0, asked=10))])
    seen = preview(Parrot(), PROMPTS, GREEDY, record)
    assert (seen.known, seen.asked, seen.said) == (1, 23, 8)
    assert seen.hours == pytest.approx(31 * 30 / 15 / 3600)


def test_an_unknown_speed_is_known_after_a_few(tmp_path):
    lines = []
    prompts = [f"prompt {number}" for number in range(10)]
    ask(Parrot(), prompts, GREEDY, Answers(tmp_path, "parrot 1"), lines.append)
    assert lines[0].startswith("10 prompts, 0 answered before; 10 to ask")
    assert lines[1].startswith("10 prompts, 4 answered before; 6 to ask")
    assert "hours" in lines[1]
    assert lines[2:] == ["10 of 10 answered"]


def test_long_asking_says_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "SILENCE", 0.0)
    lines = []
    prompts = [f"prompt {number}" for number in range(10)]
    ask(Parrot(), prompts, GREEDY, Answers(tmp_path, "parrot 1"), lines.append)
    told = [line for line in lines if "minutes left" in line]
    assert told
    assert all(line.endswith(" of 10 answered, about 0 minutes left") for line in told)
    assert lines[-1] == "10 of 10 answered"


# -- networks ----------------------------------------------------------------------------------------------------------


def test_what_may_be_said_names_who_answers(model):
    it = model()
    limits = [None, OneOf([[5], [6]], 2), OneOf([[6], [5]], 2), OneOf([[5, 6]], 2)]
    limits += [OnlyItems(range(9), 1, 2), OnlyItems(range(9), 2, 2)]
    assert len({Local(it, limit).revision for limit in limits}) == len(limits) - 1


def test_a_network_is_asked_and_is_never_asked_again(model, tmp_path):
    it = model()
    speaker = Local(it, budget=30)
    record = Answers(tmp_path, speaker.revision)
    found = ask(speaker, PROMPTS, GREEDY, record, quiet)
    assert [one.tokens <= 4 for one in found] == [True] * 4
    assert found[0].asked == len(it.tokens(PROMPTS[:1])[0])
    it.network = None
    again = Answers(tmp_path, speaker.revision)
    assert ask(speaker, PROMPTS, GREEDY, again, quiet) == found
