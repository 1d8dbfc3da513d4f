"""Hidden states are cached as features are, in the order of the texts, and a killed job goes on."""

import pytest
import torch

from recloop.features.cache import Features
from recloop.language_models.states import write_states

TEXTS = [f"shoe number {number} " + "with a buckle " * (number % 5) for number in range(20)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("recloop.language_models.states.SHARD_ROWS", 8)


def quiet(line):
    pass


def test_states_are_those_of_the_model_in_the_order_of_the_texts(model, tmp_path):
    write_states(model(), TEXTS, "texts", tmp_path, budget=60, log=quiet)
    found = Features.open(tmp_path, "texts")
    assert [shard["rows"] for shard in found.record["shards"]] == [8, 8, 4]
    assert torch.allclose(found.tensor(), model().hidden(TEXTS), atol=1e-5)
    with pytest.raises(ValueError, match="expected other"):
        Features.open(tmp_path, "other")


def test_a_killed_job_goes_on_exactly(model, tmp_path):
    def die(line):
        raise KeyboardInterrupt

    write_states(model(), TEXTS, "texts", tmp_path / "whole", log=quiet)
    with pytest.raises(KeyboardInterrupt):
        write_states(model(), TEXTS, "texts", tmp_path / "cut", log=die)
    lines = []
    write_states(model(), TEXTS, "texts", tmp_path / "cut", log=lines.append)
    assert [line.partition(",")[0] for line in lines] == ["16 of 20 texts", "20 of 20 texts"]
    whole, cut = Features.open(tmp_path / "whole"), Features.open(tmp_path / "cut")
    assert torch.equal(whole.tensor(), cut.tensor())


def test_states_of_something_else_are_not_mixed(model, tmp_path):
    write_states(model(), TEXTS, "texts", tmp_path, log=quiet)
    with pytest.raises(ValueError, match="holds features with data 'texts', expected 'others'"):
        write_states(model(), TEXTS, "others", tmp_path, log=quiet)
    with pytest.raises(ValueError, match="holds features with revision"):
        write_states(model("mistral"), TEXTS, "texts", tmp_path, log=quiet)
    (tmp_path / "00001.npy").write_bytes((tmp_path / "00001.npy").read_bytes()[:-1] + b"!")
    with pytest.raises(ValueError, match=r"00001.npy: damaged"):
        write_states(model(), TEXTS, "texts", tmp_path, log=quiet)
