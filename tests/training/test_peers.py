"""Two models train side by side: who learns what, what is exchanged when, what is served, and exact resumption."""

import json
import os
import signal

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

from recloop.data.batches import Events, cut
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models.sequential.ensemble import Ensemble
from recloop.training import exchange
from recloop.training.peers import Peers, Way, together
from recloop.training.run import rank_test, train

ITEMS, LENGTH = 20, 6
BACKBONE = {"class": "backbones.sasrec.SASRec", "dim": 8, "dropout": 0.2}
HOST = {"class": "sequential.peer_host.PeerHost", "backbone": BACKBONE}
ENSEMBLE = {"class": "sequential.ensemble.Ensemble", "host": HOST}
LAYER = {"exchange": "layer", "alpha": 30.0}


@pytest.fixture
def run(split, identity, tmp_path):
    """Give a function that trains peers and gives the served weights and the record."""

    def run(name="run", model=HOST, seed=3, **training):
        output = tmp_path / name
        settings = {"model": model, "training": TRAINING | training, "inference": {}}
        folders = output, tmp_path / f"side-{name}"
        train({"sessions": split}, settings, identity | {"seed": seed}, *folders)
        record = json.loads((output / "run.json").read_text())
        return load_file(output / "weights.safetensors"), record

    return run


TRAINING = {
    "loop": "peers",
    "exchange": "none",
    "length": LENGTH,
    "learning_rate": [0.01],
    "batch_size": 100,
    "epochs": 3,
    "patience": 9,
    "validation_events": 40,
    "clip_norm": None,
}


@pytest.fixture
def peers(ring, make):
    """Give a function that makes the trainer of two peers in ring world."""

    def peers(model=HOST, seed=1, epochs=2, **way):
        schedule = Schedule(learning_rate=0.01, batch_size=100, epochs=epochs)
        context = TrainingContext(seed, log=lambda line: None)
        way = Way(**way)
        settings = {"model": model, "training": TRAINING, "inference": {}}
        seeds = iter(range(seed * 10, seed * 10 + 9))
        both = together(lambda: make(settings, next(seeds)), way)
        events = Events.of(ring, LENGTH, ITEMS).sample(40, seed=0)
        given = {"windows": cut(ring, LENGTH, ITEMS), "events": events}
        return Trainer(Peers(both, way, schedule=schedule, context=context, **given), context)

    return peers


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def copied(objective, name) -> dict:
    return {key: weight.clone() for key, weight in objective.of(name).items()}


# -- how peers differ --------------------------------------------------------------------------------------------------


def test_peers_have_weights_orders_and_rates_of_their_own(peers):
    objective = peers().objective
    assert not same(objective.of("one"), objective.of("two"))
    orders = [objective.order(0, peer).tolist() for peer in (0, 1)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    first = next(objective.batches(0, 0))
    assert {name: rows.tolist() for name, rows in first.items()} == {
        name: order[: objective.rows] for name, order in zip(("one", "two"), orders, strict=True)
    }
    rates = [one.param_groups[0]["lr"] for one in objective.optimisers(0).values()]
    assert rates == pytest.approx([0.005, 0.01])


@pytest.mark.parametrize(
    ("way", "factors"),
    [({}, [0.5, 1.0]), ({"fixlr": True}, [1.0, 1.0]), ({"peers": 1}, [1.0])],
)
def test_the_factor_of_the_learning_rate(way, factors):
    way = Way(**way)
    assert [way.rate(peer) for peer in range(way.peers)] == pytest.approx(factors)


def test_an_order_for_every_epoch_or_one_for_all(peers):
    for reshuffled in (True, False):
        objective = peers(reshuffled=reshuffled).objective
        first, second = (objective.order(epoch, 1).tolist() for epoch in (0, 1))
        assert (first != second) is reshuffled


def test_a_seed_reaches_both_peers(run):
    """Served alone each of them is the same with the same seed, and another one with another."""
    both = [run(name, ENSEMBLE, seed)[0] for name, seed in (("a", 3), ("b", 3), ("c", 4))]
    assert same(both[0], both[1])
    for name in ("one", "two"):
        key = f"{name}.rank.weight"
        assert not torch.equal(both[0][key], both[2][key])


def test_peers_learn_apart_where_nothing_is_exchanged(peers):
    """Without dropout a peer's weights do not depend on who learns beside it."""
    still = HOST | {"backbone": BACKBONE | {"dropout": 0.0}}
    pair, other = peers(still, exchange="none"), peers(still, exchange="none")
    with torch.no_grad():
        other.objective.peers["two"].rank.weight.add_(1.0)
    for it in (pair, other):
        it.fit()
    assert same(pair.objective.of("one"), other.objective.of("one"))
    assert not same(pair.objective.of("two"), other.objective.of("two"))


# -- what is exchanged -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [LAYER, LAYER | {"criterion": "l1"}, {"exchange": "parameter"}])
def test_both_peers_change_by_one_snapshot(peers, way):
    objective = peers(**way).objective
    one, two = copied(objective, "one"), copied(objective, "two")
    objective.exchange(0)
    if way["exchange"] == "parameter":
        wanted = [exchange.parameter_wise(*pair, 0.5) for pair in ((one, two), (two, one))]
    else:
        given = (way.get("criterion", "entropy"), 30.0, 1.0)
        wanted = [exchange.layer_wise(*pair, *given)[0] for pair in ((one, two), (two, one))]
    assert same(objective.of("one"), wanted[0])
    assert same(objective.of("two"), wanted[1])


@pytest.mark.parametrize("way", [LAYER, {"exchange": "parameter"}])
def test_equal_peers_exchange_nothing(peers, way):
    objective = peers(**way).objective
    objective.peers["two"].load_state_dict(objective.peers["one"].state_dict())
    before = copied(objective, "one")
    objective.exchange(0)
    for name in ("one", "two"):
        for key, weight in objective.of(name).items():
            torch.testing.assert_close(weight, before[key])


@pytest.mark.parametrize(
    ("scope", "touched"),
    [
        ("embedding", {"backbone.embedding.weight", "backbone.position"}),
        ("final", {"rank.weight", "rank.bias"}),
        ("middle", None),
        ("all", None),
    ],
)
def test_a_scope_touches_its_own_tensors_only(peers, scope, touched):
    objective = peers(exchange="layer", criterion="equal", scope=scope).objective
    with torch.no_grad():
        for number, weight in enumerate(objective.peers["two"].parameters()):
            weight.add_(1.0 + number)
    before = copied(objective, "one")
    objective.exchange(0)
    changed = {
        key for key, weight in objective.of("one").items() if not torch.equal(weight, before[key])
    }
    every, known = (
        set(before),
        {"backbone.embedding.weight", "backbone.position", "rank.weight", "rank.bias"},
    )
    assert changed == (touched or {"all": every, "middle": every - known}[scope])


def test_an_exchange_keeps_the_moments_of_both_optimisers(peers):
    it = peers(**LAYER, epochs=1)
    for batch in it.objective.batches(0, 0):
        it.learn([batch])
    moments = [
        one.state[one.param_groups[0]["params"][0]]["exp_avg"].clone()
        for one in it.optimisers.values()
    ]
    it.objective.after_epoch(0)
    for moment, one in zip(moments, it.optimisers.values(), strict=True):
        assert torch.equal(one.state[one.param_groups[0]["params"][0]]["exp_avg"], moment)


@pytest.mark.parametrize(
    ("evaluated", "changes"), [("after", [True, True]), ("before", [False, True])]
)
def test_weights_are_judged_after_or_before_the_exchange(peers, evaluated, changes):
    """Before: the exchange waits until the next epoch begins, and there is none after the last one."""
    it = peers(exchange="layer", criterion="equal", evaluated=evaluated)
    alike, evaluate = [], it.objective.evaluate

    def judged():
        alike.append(same(it.objective.of("one"), it.objective.of("two")))
        return evaluate()

    it.objective.evaluate = judged
    it.fit()
    assert alike == ([True, True] if evaluated == "after" else [False, False])
    cosines = it.objective.record()["cosine"]["all"]
    assert (
        cosines[0] < 0.5 < cosines[1]
    )  # measured before the exchange: after one they have stayed near each other


def test_the_mean_of_swa_is_that_of_the_last_epochs(peers):
    it = peers(exchange="swa", epochs=4, swa_from=0.5)
    seen, after = [], it.objective.after_epoch

    def listening(epoch):
        seen.append(copied(it.objective, "one"))
        after(epoch)

    it.objective.after_epoch = listening
    it.fit()
    for name, weight in it.objective.of("two").items():
        torch.testing.assert_close(weight, (seen[2][name] + seen[3][name]) / 2)


# -- what is served ----------------------------------------------------------------------------------------------------


def operations(model) -> int:
    """Count what it takes to score a batch of sessions."""
    session = torch.arange(4 * LENGTH).reshape(4, LENGTH) % ITEMS
    with FlopCounterMode(display=False) as counter:
        model.eval().score(session)
    return counter.get_total_flops()


@pytest.mark.parametrize("way", ["layer", "parameter", "noise", "prune", "swa", "none"])
def test_the_served_model_is_the_host_no_larger_and_no_slower(run, make, way):
    weights, record = run(exchange=way)
    host, served = (make({"model": HOST, "inference": {}}) for _ in range(2))
    assert record["parameters"] == sum(one.numel() for one in host.state_dict().values())
    served.load_state_dict(weights)  # as it is, nothing beside it
    assert type(served) is type(host)
    assert operations(served) == operations(host) > 0


def test_two_models_at_once_take_twice_as_long(make):
    one, both = (make({"model": model, "inference": {}}) for model in (HOST, ENSEMBLE))
    assert operations(both) == 2 * operations(one)


def test_the_better_peer_on_validation_is_served(peers):
    it = peers(**LAYER, epochs=3)
    weights = it.fit()
    objective, best = it.objective, it.progress.best_update // it.epoch_updates - 1
    chosen, served = objective.served(weights, best)
    scores = dict(zip(objective.candidates, objective.record()["scores"][best], strict=True))
    assert scores[chosen] == max(scores.values()) == pytest.approx(it.progress.best)
    objective.peers[chosen].load_state_dict(served)
    assert objective.judge(objective.peers[chosen]) == pytest.approx(it.progress.best)


def test_an_ensemble_is_the_mean_of_both_scores_and_is_served_whole(run, make):
    weights, record = run(model=ENSEMBLE)
    assert record["served"] == "both"
    both = make({"model": ENSEMBLE, "inference": {}}).eval()
    assert isinstance(both, Ensemble)
    both.load_state_dict(weights)
    session = torch.tensor([[1, 2, 3], [4, 5, ITEMS]])
    with torch.no_grad():
        mean = (both.one.score(session) + both.two.score(session)) / 2
        assert torch.equal(both.score(session), mean)


def test_a_record_says_what_was_exchanged_epoch_by_epoch(run):
    _, record = run(**LAYER)
    peers = record["peers"]
    assert record["served"] in peers["candidates"] == ["one", "two"]
    assert [len(peers[name]) for name in ("scores", "tensors")] == [3, 7]
    assert len(peers["cosine"]["all"]) == 3
    for own, theirs in zip(peers["shares"]["one"], peers["shares"]["two"], strict=True):
        assert [sum(pair) for pair in zip(own, theirs, strict=True)] == pytest.approx([1.0] * 7)
    assert run("alone", peers=1)[1]["peers"]["cosine"]["all"] == [None] * 3


def test_twice_as_long_is_twice_the_epochs(run):
    assert [
        run(name, peers=1, times=times)[1]["epochs_run"] for name, times in (("a", 1), ("b", 2))
    ] == [3, 6]


def test_it_can_be_chosen_on_the_test_events(run, split, tmp_path, identity):
    """The released code never looks at the validation part; in ring world both parts are the same sessions."""
    assert run("a", chosen_on="test")[1]["peers"] == run("b")[1]["peers"]
    settings = {"model": HOST, "training": TRAINING, "inference": {}}
    rank_test(
        {"sessions": split},
        tmp_path / "a/weights.safetensors",
        settings,
        tmp_path / "lists.parquet",
        5,
    )
    assert (tmp_path / "lists.parquet").exists()


# -- resumption and refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [
        LAYER,
        LAYER | {"evaluated": "before"},
        {"exchange": "noise", "evaluated": "before"},
        {"exchange": "swa"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "stop", [5, 7]
)  # at the end of the first of three epochs, and within the second
def test_a_stopped_training_goes_on_exactly(run, way, stop, monkeypatch):
    whole, record = run("whole", **way)
    learn = Trainer.learn

    def asked(self, group):
        learn(self, group)
        if self.progress.update == stop:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", asked)
        with pytest.raises(SystemExit, match=f"told to stop after update {stop}; run again"):
            run("cut", **way)
    torch.manual_seed(12345)
    resumed, again = run("cut", **way)
    assert same(whole, resumed)
    for name in ("best_epoch", "valid_ndcg10", "served", "peers"):
        assert record[name] == again[name]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"exchange": "swap"}, "exchange='swap': expected one of none, layer"),
        ({"criterion": "l2"}, "criterion='l2': expected one of entropy, l1, equal"),
        ({"scope": "last"}, "scope='last': expected one of all"),
        ({"exchange": "layer", "peers": 1}, "exchange='layer' needs peers=2"),
        ({"peers": 3}, "peers=3: expected one of 1, 2"),
    ],
)
def test_a_wrong_setting_is_explained(given, message):
    with pytest.raises(ValueError, match=message):
        Way(**given)
