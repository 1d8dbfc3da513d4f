"""A voice asks each pair once, encodes each sentence once and gives the same as asking anew."""

import numpy as np
import pytest
import torch

ITEMS, DIM = 50, 4


class Parrot:
    """Says the difference of two ids modulo 7 and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def critique(self, target, liked):
        self.asked += list(zip(target.tolist(), liked.tolist(), strict=True))
        return [f"says {number}" for number in (target - 2 * liked) % 7]


class Texts:
    """Encodes a sentence as its number; remembers what it encoded."""

    def __init__(self):
        self.read = []

    def __call__(self, sentences):
        self.read += sentences
        return torch.tensor([[float(one.split()[1])] * DIM for one in sentences])


@pytest.fixture
def critique_encoder():
    from recloop.simulators.critique_encoder import CritiqueEncoder

    return CritiqueEncoder(Parrot(), Texts(), DIM)


def draw(seed, size=64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, ITEMS, (2, size), generator=generator).unbind()


def test_hears_what_the_simulator_says(critique_encoder):
    for seed in range(4):
        target, liked = draw(seed)
        features, ids = critique_encoder.hear(target, liked)
        expected = (target - 2 * liked) % 7
        assert torch.equal(features, expected[:, None].expand(-1, DIM).float())
        assert critique_encoder.sentences(ids) == [f"says {number}" for number in expected.tolist()]


def test_asks_every_pair_once_and_encodes_every_sentence_once(critique_encoder):
    for seed in (0, 1, 0, 2, 1):
        critique_encoder.hear(*draw(seed))
    assert len(critique_encoder.simulator.asked) == len(set(critique_encoder.simulator.asked))
    assert sorted(critique_encoder.texts.read) == [f"says {number}" for number in range(7)]


def test_a_pair_and_its_reverse_are_two(critique_encoder):
    one, other = torch.tensor([3]), torch.tensor([20])
    assert critique_encoder.sentences(
        critique_encoder.hear(one, other)[1]
    ) != critique_encoder.sentences(critique_encoder.hear(other, one)[1])


def test_ids_of_sentences_do_not_depend_on_the_order_within_a_batch():
    from recloop.simulators.critique_encoder import CritiqueEncoder

    target, liked = draw(5)
    order = torch.randperm(len(target))
    _, straight = CritiqueEncoder(Parrot(), Texts(), DIM).hear(target, liked)
    _, shuffled = CritiqueEncoder(Parrot(), Texts(), DIM).hear(target[order], liked[order])
    assert torch.equal(straight[order], shuffled)


def test_grows_beyond_its_first_room():
    from recloop.simulators.critique_encoder import CritiqueEncoder

    class Talker:
        def critique(self, target, liked):
            return [f"says {t * ITEMS + k}" for t, k in zip(target, liked, strict=True)]

    critique_encoder = CritiqueEncoder(Talker(), Texts(), DIM)
    for seed in range(12):
        target, liked = draw(seed)
        features, _ = critique_encoder.hear(target, liked)
        assert torch.equal(features[:, 0], (target * ITEMS + liked).float())


@pytest.mark.parametrize("recent", [0, 5, 1000])
def test_pairs_are_a_dictionary(monkeypatch, recent):
    from recloop.simulators import critique_encoder

    monkeypatch.setattr(critique_encoder, "RECENT", recent)
    pairs, known, random = critique_encoder.Pairs(), {}, np.random.default_rng(0)
    for _ in range(20):
        keys = torch.from_numpy(random.choice(1 << 40, 15, replace=False))
        keys = torch.tensor([key for key in keys.tolist() if key not in known])
        values = torch.arange(len(known), len(known) + len(keys))
        pairs.add(keys, values)
        known |= dict(zip(keys.tolist(), values.tolist(), strict=True))
        asked = torch.tensor([*known, -5, 1 << 41])
        assert pairs.find(asked).tolist() == [*known.values(), -1, -1]


def test_empty_batch(critique_encoder):
    features, ids = critique_encoder.hear(*(torch.empty(0, dtype=torch.int64),) * 2)
    assert features.shape == (0, DIM) and critique_encoder.sentences(ids) == []


def test_opening_a_user_leaves_the_chance_of_a_training_alone(critique_encoder):
    """Dropout would otherwise depend on what earlier jobs left on disk, and on where a job was resumed."""
    critique = critique_encoder.simulator.critique

    def open_first(target, liked):
        torch.nn.Linear(DIM, DIM)
        return critique(target, liked)

    critique_encoder.simulator.critique = open_first
    before = torch.get_rng_state()
    critique_encoder.hear(*draw(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_mute_user_is_heard_as_zeros(tmp_path):
    from recloop.simulators import open_simulator
    from recloop.simulators.critique_encoder import CritiqueEncoder

    mute = open_simulator({"class": "mute.Mute"}, None, tmp_path, tmp_path)
    encoder = CritiqueEncoder(mute, Texts(), DIM)
    features, ids = encoder.hear(*draw(1))
    assert not features.any() and encoder.texts.read == []
    assert set(encoder.sentences(ids)) == {""}


def test_an_empty_sentence_stands_beside_others():
    from recloop.simulators.critique_encoder import CritiqueEncoder

    class Shy(Parrot):
        def critique(self, target, liked):
            return ["" if one.endswith("3") else one for one in super().critique(target, liked)]

    encoder = CritiqueEncoder(Shy(), Texts(), DIM)
    for seed in range(3):
        target, liked = draw(seed)
        expected = (target - 2 * liked) % 7
        features, _ = encoder.hear(target, liked)
        wanted = torch.where(expected == 3, 0, expected).float()
        assert torch.equal(features, wanted[:, None].expand(-1, DIM))
