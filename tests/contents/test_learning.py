"""Networks of our own learn to read and to see, and are opened as published ones are."""

import pytest
import torch

from recloop.contents.learning import learn_network
from recloop.contents.opening import open_network
from tests.features.conftest import picture, write_catalogue

SMALL = {"dim": 16, "layers": 2, "heads": 2, "epochs": 6, "batch_size": 12, "held_out": 0.2}


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue")
    return write_catalogue(folder, [picture(item) for item in range(60)])


@pytest.mark.parametrize(
    ("kind", "more"), [("Words", {}), ("Pictures", {"image_size": 32, "patch": 8})]
)
def test_a_network_of_ours_learns_and_is_opened(catalogue, tmp_path, kind, more):
    settings = {"class": f"networks.{kind}", "learn": SMALL | more}
    learn_network(catalogue, settings, tmp_path / "made", seed=1, log=lambda line: None)
    network = open_network({"class": settings["class"]}, tmp_path / "made")
    assert (network.dim, network.levels) == (16, 3)
    assert not any(one.requires_grad for one in network.parameters())
    first = (tmp_path / "made/model.safetensors").read_bytes()
    torch.manual_seed(9)
    learn_network(catalogue, settings, tmp_path / "again", seed=1, log=lambda line: None)
    assert (tmp_path / "again/model.safetensors").read_bytes() == first
    (tmp_path / "made/model.safetensors").write_bytes(first + b" ")
    with pytest.raises(ValueError, match=r"encoder.json says"):
        open_network({"class": settings["class"]}, tmp_path / "made")
