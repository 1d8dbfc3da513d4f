"""One file that is whole or absent, and says so when it is damaged."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from recloop.storage import checkpoint


def test_gives_back_tensors_and_facts(tmp_path):
    path = tmp_path / "new" / "checkpoint.safetensors"
    tensors = {"a": torch.arange(3), "b": torch.rand(2, 2).T}
    checkpoint.save(path, tensors, {"update": 3, "curve": [{"loss": 0.1}], "why": "é"})
    found, facts = checkpoint.load(path)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert facts == {"update": 3, "curve": [{"loss": 0.1}], "why": "é"}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_may_be_empty(tmp_path):
    checkpoint.save(tmp_path / "a.safetensors", {}, {"split": "x"})
    assert checkpoint.load(tmp_path / "a.safetensors") == ({}, {"split": "x"})


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_damaged_file_is_named_with_a_remedy(tmp_path, share):
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, {"a": torch.rand(50)}, {"update": 3})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"damaged one .*delete it and run again") as error:
        checkpoint.load(path)
    assert str(path) in str(error.value)


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('it ran')",)


def lying(header: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + bytes(64)


TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HOSTILE = {
    "pickle": pickle.dumps(Bomb()),
    "longer than the file": lying(b"{}", 1 << 20),
    "longer than any memory": lying(b"{}", (1 << 64) - 1),
    "no JSON": lying(b"\xff" * 16),
    "deep": lying(b"[" * 100_000),
    "outside": lying(json.dumps({"a": TENSOR | {"data_offsets": [0, 1 << 40]}}).encode()),
    "another size": lying(json.dumps({"a": TENSOR | {"shape": [1 << 40]}}).encode()),
    "negative": lying(json.dumps({"a": TENSOR | {"data_offsets": [-8, 0]}}).encode()),
    "no facts": lying(json.dumps({"__metadata__": {"recloop": "[1]"}}).encode()),
    "deep facts": lying(json.dumps({"__metadata__": {"recloop": "[" * 100_000}}).encode()),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_the_same_sentence(tmp_path, content):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="delete it and run again") as error:
        checkpoint.load(path)
    assert len(str(error.value).splitlines()) == 1


def test_a_file_from_elsewhere_is_refused(tmp_path):
    save_file({"a": torch.rand(3)}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="not a file that recloop wrote"):
        checkpoint.load(tmp_path / "a.safetensors")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, {"a": torch.zeros(3)}, {})
    with pytest.raises(TypeError):
        checkpoint.save(path, {"a": torch.ones(3)}, {"no JSON": object()})
    assert checkpoint.load(path)[0]["a"].sum() == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_puts_optimiser_and_random_state_back():
    def new():
        model = nn.Linear(3, 2)
        return model, torch.optim.Adam(model.parameters(), lr=0.1, fused=True)

    def learn(model, optimiser):
        optimiser.zero_grad()
        nn.functional.dropout(model(torch.ones(4, 3))).square().sum().backward()
        optimiser.step()

    one, optimiser = new()
    learn(one, optimiser)
    parts = {"model": one.state_dict(), "random": checkpoint.random_state()}
    parts["optimiser"] = checkpoint.optimiser_state({"all": optimiser})
    saved = {name: tensor.clone() for name, tensor in checkpoint.join(parts).items()}
    learn(one, optimiser)
    torch.manual_seed(8)
    other, optimiser = new()
    other.load_state_dict(checkpoint.below(saved, "model"))
    checkpoint.restore_optimisers({"all": optimiser}, checkpoint.below(saved, "optimiser"))
    checkpoint.restore_random(checkpoint.below(saved, "random"))
    learn(other, optimiser)
    assert torch.equal(one.weight, other.weight)


def test_tied_weights_are_saved_under_both_names(tmp_path):
    weight = torch.rand(3, 2)
    checkpoint.save(tmp_path / "a.safetensors", {"one": weight, "other": weight}, {})
    found, _ = checkpoint.load(tmp_path / "a.safetensors")
    assert torch.equal(found["one"], weight) and torch.equal(found["other"], weight)
