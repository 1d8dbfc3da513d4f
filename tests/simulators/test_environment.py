"""Users of a pool: what they like and say, what they remember, and how agents fare with them."""

import pytest
import torch

ITEMS, DIM, BATCH, SHOWN, LISTS = 60, 8, 40, 3, 5


class Pointing:
    """A voice whose words are the target's own features."""

    def __init__(self, features):
        self.features, self.feedback = features, []

    def hear(self, target, liked):
        self.feedback.append((target, liked))
        return self.features[target], target


@pytest.fixture
def features():
    return torch.randn(2 * ITEMS, DIM, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def users(features):
    from recloop.data.pools import Pool
    from recloop.simulators.environment import Environment

    def users(likes="fixed"):
        ids = torch.arange(ITEMS) * 2 + 1
        return Environment(Pool(ids, features[ids]), Pointing(features), LISTS, likes)

    return users


def test_steps_follow_the_contract(users):
    it, target = users(), torch.arange(BATCH)
    observation, info = it.reset(target)
    assert observation is None and info == {}
    shown = (target[:, None] + torch.tensor([5, 0, 9])) % ITEMS
    observation, reward, terminated, truncated, info = it.step(shown)
    assert terminated.all() and not truncated.any()
    assert torch.equal(info["liked"], target)  # nothing is nearer than the target itself
    assert torch.equal(info["disliked"], shown[:, [0, 2]])
    assert info["open"].all()
    assert torch.equal(observation.liked, it.pool.features[target])
    assert torch.equal(observation.disliked, it.pool.features[shown[:, [0, 2]]])
    unit = torch.nn.functional.normalize(it.pool.features, dim=1)
    assert torch.allclose(reward, torch.einsum("bkd,bd->b", unit[shown], unit[target]))
    for _ in range(LISTS - 1):
        *_, found, over, info = it.step((shown + 20) % ITEMS)
    assert found.all() and over.all() and not info["open"].any()


def test_voices_hear_catalogue_numbers(users):
    it, target = users(), torch.arange(4)
    it.reset(target, first=torch.tensor([[7, 8, 9]] * 4))
    feedback, liked = it.critique_encoder.feedback[-1]
    assert feedback.tolist() == [1, 3, 5, 7]
    assert set(liked.tolist()) <= {15, 17, 19}


def test_a_first_list_is_answered_at_once(users):
    it = users()
    observation, info = it.reset(torch.arange(4), first=torch.tensor([[7, 8, 9]] * 4))
    assert observation.text.shape == (4, DIM)
    assert info["liked"].shape == (4,)
    assert it.seen.tolist() == [[7, 8, 9]] * 4


def test_likes_follow_the_space_they_are_told(users):
    target, shown = torch.zeros(1, dtype=torch.long), torch.tensor([[1, 2]])
    table = torch.zeros(ITEMS, 2)
    for near, far in ((1, 2), (2, 1)):
        table[near], table[far] = torch.tensor([0.1, 0]), torch.tensor([9.0, 0])
        it = users("own")
        it.reset(target, table=table)
        assert it.step(shown)[-1]["liked"].tolist() == [near]
        it = users("fixed")
        it.reset(target, table=table)
        unit = torch.nn.functional.normalize(it.pool.features, dim=1)
        nearest = 1 + int(unit[2] @ unit[0] > unit[1] @ unit[0])
        assert it.step(shown)[-1]["liked"].tolist() == [nearest]


def test_likes_by_an_unknown_space_and_without_a_table_are_refused(users):
    with pytest.raises(ValueError, match="fixed, own"):
        users("mine")
    with pytest.raises(ValueError, match="table"):
        users("own").reset(torch.arange(4))


def test_an_agent_that_listens_finds_the_target_and_a_deaf_one_does_by_chance(users):
    from recloop.data.pools import distinct, first_lists
    from recloop.simulators.nearest import Nearest

    it = users()
    target = torch.arange(600) % ITEMS
    first = first_lists(torch.arange(600), SHOWN, ITEMS)
    observation, _ = it.reset(target, first=first)
    shown = Nearest(it.pool.features).top(observation.text, it.seen, SHOWN)
    early = it.found.clone()
    *_, found, _, _ = it.step(shown)
    assert found.all() and not early.all()
    assert not (shown[:, :, None] == first[:, None]).any()
    it.reset(target)
    deaf = distinct(torch.rand(2, 600, SHOWN * LISTS, generator=torch.manual_seed(1)), ITEMS)
    for shown in deaf.split(SHOWN, dim=1):
        *_, found, _, _ = it.step(shown)
    assert found.float().mean() == pytest.approx(SHOWN * LISTS / ITEMS, abs=0.06)


def test_a_noisy_user_likes_at_random_as_often_as_told(features):
    from recloop.data.pools import Pool
    from recloop.simulators.environment import Environment

    ids = torch.arange(ITEMS) * 2 + 1
    target, shown = torch.zeros(6000, dtype=torch.long), torch.tensor([[7, 0, 9]] * 6000)
    liked = {}
    for noise in (0.0, 0.3, 1.0):
        it = Environment(Pool(ids, features[ids]), Pointing(features), LISTS, noise=noise)
        it.reset(target)
        info = it.step(shown)[-1]
        liked[noise] = info["liked"] == target
        both = torch.cat([info["liked"][:, None], info["disliked"]], 1)
        assert both.sort(1).values.equal(shown.sort(1).values)
    assert liked[0.0].all()
    assert liked[0.3].float().mean() == pytest.approx(0.7 + 0.3 / 3, abs=0.02)
    assert liked[1.0].float().mean() == pytest.approx(1 / 3, abs=0.02)
    assert not (liked[1.0] & ~liked[0.3]).any()  # who slips at 0.3 slips at 1 to the same item


def test_likes_by_attributes_know_no_picture(features):
    from recloop.data.attributes import many_hot
    from recloop.data.pools import Pool
    from recloop.simulators.environment import Environment

    described = [{"colour": frozenset({"red"}), "heel": frozenset({"high"})}] * 2
    described += [{"colour": frozenset({"red"})}, {"heel": frozenset({"low"}), "toe": frozenset()}]
    table = many_hot(described)
    assert table.tolist() == [[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 1]]
    ids = torch.arange(4)
    it = Environment(
        Pool(ids, features[ids]), Pointing(features), LISTS, "attributes", attributes=table
    )
    it.reset(torch.zeros(3, dtype=torch.long))
    shown = torch.tensor([[3, 2, 1], [3, 2, 3], [2, 2, 3]])
    assert it.step(shown)[-1]["liked"].tolist() == [1, 2, 2]
    with pytest.raises(ValueError, match="no attribute tells"):
        Environment(
            Pool(ids, features[ids]),
            Pointing(features),
            LISTS,
            "attributes",
            attributes=torch.ones(4, 2),
        )
