"""Readers: what they say of words, of texts longer than they can read at once, and a rule that they have to learn."""

import numpy as np
import pytest
import torch

from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models.gaze.readers import FiveFeatures, ReadingTime
from recloop.models.gaze.regression import LengthAndFrequency, MeanReading
from recloop.training.readings import MeasuredWords, Sentences

# peft 0.21 asks transformers 5.23 under a name that goes in 6
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
WORDS = ["tra", "pelir", "kom.", "near", "of", "puzo"]
KINDS = {"time": ReadingTime, "five": FiveFeatures}


def planted(number=40) -> Sentences:
    """Sentences in which the second measure hangs on the word and the first on its length."""
    random = np.random.default_rng(2)
    words = [list(random.choice(WORDS, 5)) for _ in range(number)]
    hard = {word: float(place % 2) for place, word in enumerate(WORDS)}
    measures = [
        torch.tensor([[len(one), 3 + 4 * hard[one]] for one in row]).float() for row in words
    ]
    return Sentences([[str(one) for one in row] for row in words], measures, list(range(number)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_learns_a_planted_rule(language, kind):
    small = {"time": {"hidden": 32}, "five": {"tuning": "all"}}[kind]
    torch.manual_seed(1)
    reader = KINDS[kind](language(), 2, **small)
    parts = {"train": planted(), "valid": planted(12)}
    reader.fit_units(torch.cat(parts["train"].measures))
    schedule = Schedule(learning_rate=0.01, batch_size=10, epochs=14, keeps="trained")
    context = TrainingContext(1, log=lambda line: None)
    trainer = Trainer(MeasuredWords(reader, parts, schedule, context), context)
    trainer.fit()
    assert trainer.progress.best > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_training_goes_on_exactly(language, kind, tmp_path):
    def training(folder=None):
        torch.manual_seed(1)
        reader = KINDS[kind](language(), 2)
        parts = {"train": planted(), "valid": planted(12)}
        reader.fit_units(torch.cat(parts["train"].measures))
        schedule = Schedule(learning_rate=0.01, batch_size=10, epochs=3, keeps="trained")
        context = TrainingContext(1, folder, log=lambda line: None)
        return Trainer(MeasuredWords(reader, parts, schedule, context), context)

    whole, cut = training().fit(), training(tmp_path)
    cut.objective.after_update = lambda: cut.stop() if cut.progress.update == 5 else None
    with pytest.raises(SystemExit):
        cut.fit()
    torch.manual_seed(99)
    again = training(tmp_path).fit()
    assert whole.keys() == again.keys()
    assert all(torch.equal(one, again[name]) for name, one in whole.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_is_read_in_windows_that_fade(language, kind):
    reader = KINDS[kind](language(), 2, window=12, overlap=4).eval()
    text = " ".join(WORDS * 4)
    ((values, words),) = reader.read([text])
    assert values.shape == (len(words), 2)
    assert set(words.tolist()) - {-1} == set(range(24))
    ((once, _),) = KINDS[kind](language(), 2, window=500).eval().read([" ".join(WORDS)])
    carried = np.abs(values).sum(1) > 0
    assert carried.sum() == ((words >= 0).sum() if kind == "time" else 24)
    assert once.shape[1] == 2


def test_the_measures_of_a_word_stand_at_its_first_token(language):
    reader = FiveFeatures(language(), 2, read_at="last").eval()
    ((values, words),) = reader.read(["pelir puzo tra"])
    first = np.array([np.flatnonzero(words == word)[0] for word in range(3)])
    assert set(np.flatnonzero(np.abs(values).sum(1))) == set(first.tolist())
    rows = reader.read_rows(
        [reader.tokenizer("pelir puzo tra", add_special_tokens=False)["input_ids"]], 99
    )
    last = [np.flatnonzero(words == word)[-1] for word in range(3)]
    np.testing.assert_allclose(values[first], rows[0][last], rtol=1e-5)


def test_texts_that_are_read_together_are_read_alike(language):
    reader = ReadingTime(language(), 1).eval()
    both = reader.read(["pelir puzo tra", "of"])
    np.testing.assert_allclose(both[1][0], reader.read(["of"])[0][0], atol=1e-6)


def test_lines_and_means_are_those_of_numpy():
    sentences = planted()
    measured = torch.cat(sentences.measures)
    counts = {word.strip("."): place for place, word in enumerate(WORDS)}
    mean, line = MeanReading(2, counts), LengthAndFrequency(2, counts)
    for reader in (mean, line):
        reader.fit(sentences.words, measured)
    np.testing.assert_allclose(mean.read_words([["of", "tra"]])[1], measured.mean(0), rtol=1e-6)
    error = np.abs(line.read_words(sentences.words) - measured.numpy()).mean(0)
    assert error[0] < 0.05  # the length is known
    inputs = np.column_stack([np.ones(len(measured)), line.describe(sentences.words).numpy()])
    solved = np.linalg.lstsq(inputs, measured.double().numpy(), rcond=None)[0]
    np.testing.assert_allclose(line.read_words(sentences.words), inputs @ solved, atol=0.02)
