"""IISAN, IISAN-Versa and what they are compared with: equations by hand, caches and networks alike, what learns."""

from functools import partial

import pytest
import torch
from torch import nn

from recloop.contents.items import ContentError
from recloop.data.batches import Batch
from recloop.models.content import tuning
from recloop.models.content.iisan import IISAN
from recloop.models.content.recommender import ContentRecommender
from recloop.models.content.sanb import SANB, InterTower, IntraTower, chosen, grouped
from recloop.models.content.tuned import Tuned
from recloop.models.content.versa import Versa
from recloop.training.contents import groups_of

ITEMS = torch.tensor([0, 1, 4])
MIXED = torch.tensor([0, 2, 3, 5])  # with both, a picture, nothing and a title


def filled(module: nn.Module) -> nn.Module:
    """Give every parameter values that matter."""
    torch.manual_seed(3)
    for one in module.parameters():
        if one.requires_grad:
            nn.init.normal_(one, std=0.3)
    return module


# -- blocks and towers -------------------------------------------------------------------------------------------------


def test_a_block_without_weights_changes_nothing():
    block = SANB(6, 3)
    states = torch.randn(4, 6)
    nn.init.zeros_(block.up.weight)
    assert torch.equal(block(states), states)


def test_towers_are_their_equations():
    levels, other = torch.randn(2, 3, 6), torch.randn(2, 3, 6)
    intra, inter = filled(IntraTower(3, 6, 4)), filled(InterTower(3, 6, 4))
    state = mixed = torch.zeros(2, 6)
    for k in range(3):
        gate = torch.sigmoid(intra.gates.theta[k] / 0.1)
        x = gate * levels[:, k] + (1 - gate) * state
        low = torch.relu(x @ intra.blocks[k].down.weight.T + intra.blocks[k].down.bias)
        state = x + low @ intra.blocks[k].up.weight.T + intra.blocks[k].up.bias
        gate = torch.sigmoid(inter.gates.theta[k] / 0.1)
        mixed = inter.blocks[k](mixed + gate * other[:, k] + (1 - gate) * levels[:, k])
    torch.testing.assert_close(intra(levels), state)
    torch.testing.assert_close(inter(levels.unbind(1), other.unbind(1)), mixed)


def test_gates_begin_at_a_half():
    tower = IntraTower(2, 6, 4)
    seen = []
    tower.blocks[0].register_forward_hook(lambda _, given, __: seen.append(given[0]))
    levels = torch.randn(1, 2, 6)
    tower(levels)
    assert torch.sigmoid(tower.gates.theta / 0.1).tolist() == [0.5, 0.5]
    torch.testing.assert_close(seen[0], levels[:, 0] / 2)
    plain = IntraTower(2, 6, 4, gated=False)
    assert "gates.theta" not in dict(plain.named_parameters())


def test_the_first_level_can_be_the_state_at_the_start():
    levels = torch.randn(2, 3, 6)
    tower = filled(IntraTower(3, 6, 4, remove_first=True))
    assert len(tower.blocks) == 2
    gate = torch.sigmoid(tower.gates.theta / 0.1)
    state = tower.blocks[0](gate[0] * levels[:, 1] + (1 - gate[0]) * levels[:, 0])
    state = tower.blocks[1](gate[1] * levels[:, 2] + (1 - gate[1]) * state)
    torch.testing.assert_close(tower(levels), state)


@pytest.mark.parametrize(
    ("layers", "listed"),
    [
        (12, [1, 3, 5, 7, 9, 11]),
        (24, [3, 7, 11, 15, 19, 23]),
        (32, [1, 7, 13, 19, 25, 31]),
        (28, [2, 7, 12, 17, 22, 27]),
        (80, [4, 19, 34, 49, 64, 79]),
        (48, [2, 11, 20, 29, 38, 47]),
        (4, [0, 1, 2, 3]),
    ],
)
def test_groups_are_those_of_the_released_scripts(layers, listed):
    assert grouped(layers + 1, 6) == [0, *(one + 1 for one in listed)]
    assert chosen(layers + 1, 6, "+".join(map(str, listed))) == grouped(layers + 1, 6)


def test_layers_that_are_not_there_are_named():
    with pytest.raises(ValueError, match=r"layers=1\+12: no layer 12, this network has 0 to 11"):
        chosen(13, 6, "1+12")


# -- item encoders -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(source):
    """Give the sources of words and pictures in one state."""
    return lambda state: {reads: source(reads, state) for reads in ("words", "pictures")}


def test_a_cache_and_a_network_give_the_same_loss_and_gradients(both, counts):
    losses, gradients = [], []
    path = torch.tensor([[0, 1, 4], [4, 2, 6], [3, 5, 6]])
    session = torch.where(path[:, 1:] == 6, 6, path[:, :-1])
    nothing = torch.zeros(3, dtype=torch.long)
    batch = Batch(session, path[:, 1:], 0 * session, nothing.bool(), *[nothing] * 4)
    for state in ("cached", "live"):
        encoder = partial(IISAN, **both(state), hidden=4, missing="zeros")
        model = ContentRecommender(encoder, 6, counts, 3, dim=8, dropout=0.0)
        learned = {name: one for name, one in filled(model).named_parameters() if one.requires_grad}
        losses.append(model.loss(batch))
        gradients.append(torch.autograd.grad(losses[-1], learned.values()))
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_what_an_item_lacks_is_refused_or_is_zeros(both):
    with pytest.raises(ContentError, match="item i2 has no title"):
        IISAN(8, **both("cached"))
    model = filled(IISAN(8, **both("cached"), missing="zeros"))
    found = model(MIXED)
    assert found.isfinite().all()
    assert not torch.allclose(found[0], found[1])


@pytest.mark.parametrize("parts", ["intra+inter", "intra", "inter"])
def test_parts_are_what_they_say(both, parts):
    model = IISAN(8, **both("cached"), parts=parts, missing="zeros")
    assert (
        set(model.heads)
        == {
            "intra+inter": {"words", "pictures", "inter"},
            "intra": {"words", "pictures"},
            "inter": {"inter"},
        }[parts]
    )
    assert model.fuse.in_features == 8 * len(model.heads)


def test_one_modality_alone_has_its_own_tower(source):
    model = IISAN(8, words=source("words", "cached"), missing="zeros")
    assert set(model.heads) == {"words"}
    with pytest.raises(ValueError, match="expected a network of words or of pictures"):
        IISAN(8)


def test_unequal_networks_need_versa(source):
    given = {"words": source("words", "cached", "llama"), "pictures": source("pictures", "cached")}
    with pytest.raises(ValueError, match=r"3 levels of 8 numbers .* 4 of 8 .* content.versa.Versa"):
        IISAN(8, **given, missing="zeros")
    model = Versa(8, **given, missing="zeros")
    assert (model.paired, len(model.align)) == (3, 0)  # equal widths need no map
    assert model(MIXED).shape == (4, 8)


def test_the_wider_network_is_mapped_and_read_from_its_end(source):
    wide = source("words", "live", shape="bert-tiny")
    model = filled(Versa(4, wide, source("pictures", "cached"), missing="zeros"))
    assert (model.paired, model.narrow, len(model.align)) == (3, 8, 3)
    words, pictures = torch.randn(2, 3, 128), torch.randn(2, 4, 8)
    state = torch.zeros(2, 8)
    for k in range(3):
        gate = torch.sigmoid(model.inter.gates.theta[k] / 0.1)
        mapped = model.align[k](words[:, k])
        state = model.inter.blocks[k](state + gate * pictures[:, k + 1] + (1 - gate) * mapped)
    torch.testing.assert_close(model.across(words, pictures), state)
    assert {id(one) for one in model.align.parameters()} <= {id(p) for p in model.groups()["side"]}


# -- what learns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", tuning.WAYS)
def test_a_way_of_tuning_lets_learn_what_it_says(both, counts, way):
    encoder = partial(Tuned, **both("live"), tuning=way, size=2, missing="zeros")
    model = ContentRecommender(encoder, 6, counts, 3, dim=8)
    inside = [n for n, one in model.encoder.towers.named_parameters() if one.requires_grad]
    every = [name for name, _ in model.encoder.towers.named_parameters()]
    wanted = {
        "full": lambda name: True,
        "frozen": lambda name: False,
        "bitfit": lambda name: name.endswith("bias"),
        "lora": lambda name: name.endswith((".down", ".up")),
        "lora_as_released": lambda name: name.endswith((".down", ".up")),
        "houlsby": lambda name: ".adapter." in name,
        "pfeiffer": lambda name: ".adapter." in name,
    }[way]
    assert inside == [name for name in every if wanted(name)]
    # Two networks of three layers: queries and values, or one or two bottlenecks of four tensors.
    numbers = {"lora": 24, "lora_as_released": 24, "houlsby": 48, "pfeiffer": 24, "frozen": 0}
    assert len(inside) == numbers.get(way, len(inside))
    optimiser = torch.optim.Adam([{"params": part} for part in groups_of(model).values()])
    model.encoder(MIXED).sum().backward()
    optimiser.step()
    stateful = {id(one) for one in optimiser.state}
    for name, one in model.encoder.towers.named_parameters():
        assert (one.grad is not None) <= wanted(name)
        assert (id(one) in stateful) <= wanted(name)


def test_nothing_is_tuned_in_a_cache(both):
    with pytest.raises(ValueError, match="tuning=full: the levels of words come from a cache"):
        Tuned(8, **both("cached"), missing="zeros")
    with pytest.raises(ValueError, match="tuning='lorra': expected one of full, frozen, bitfit"):
        Tuned(8, **both("live"), tuning="lorra", missing="zeros")


def test_low_rank_changes_nothing_at_first_and_can_be_merged():
    torch.manual_seed(4)
    layer = nn.Linear(6, 5)
    change = tuning.LowRank(layer, 2, 4.0)
    states = torch.randn(3, 6)
    assert torch.equal(change(states), layer(states))
    filled(change)
    torch.testing.assert_close(change.merged()(states), change(states))


def test_low_rank_is_that_of_peft():
    peft = pytest.importorskip("peft")
    torch.manual_seed(5)
    host = nn.Sequential(nn.Linear(6, 5))
    change = filled(tuning.LowRank(host[0], 2, 4.0))
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["0"])
    other = peft.inject_adapter_in_model(config, nn.Sequential(nn.Linear(6, 5)))[0]
    other.base_layer.load_state_dict(host[0].state_dict())
    other.lora_A["default"].weight.data, other.lora_B["default"].weight.data = (
        change.down,
        change.up,
    )
    states = torch.randn(3, 6)
    torch.testing.assert_close(change(states), other(states))


def test_the_released_low_rank_forgets_what_the_network_knew(both):
    """Its layers are new, and they are the same for who trains and who asks."""
    models = [
        Tuned(8, **both("live"), tuning=way, size=2, missing="zeros")
        for way in ("lora", "lora_as_released", "lora_as_released")
    ]
    right, released, again = (
        model.towers["words"].network.backbone.encoder.layer[0].attention.self.query.layer.weight
        for model in models
    )
    assert not torch.equal(right, released)
    assert torch.equal(released, again)


def test_checkpointed_gradients_are_the_same(contents, folders):
    from recloop.contents import towers

    gradients = []
    for checkpointing in (False, True):
        place = {"class": "networks.Words"}, folders["bert"], contents, towers.dealt(6, None)
        words = towers.live(*place, checkpointing=checkpointing)
        torch.manual_seed(6)
        model = Tuned(8, words, missing="zeros")
        for layer in model.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
        model.train()(ITEMS).sum().backward()
        gradients.append([p.grad for p in model.towers.parameters() if p.grad is not None])
    torch.testing.assert_close(*gradients)
