"""Logged sessions to weights with a peer: two models of one form exchange weights after every epoch; one is served.

Sun et al. Enhancing Top-N Item Recommendations by Peer Collaboration (PCRec). SIGIR 2022. The controls that the paper
lacks are settings of the same loop: no exchange, one model for longer, its own average in the place of a peer.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Sessions, cut
from recloop.evaluation.ranker import rank as rank_events
from recloop.evaluation.ranking import GAINS, expected_gain
from recloop.fitting.context import TrainingContext
from recloop.models.sequential.ensemble import Ensemble
from recloop.training import exchange
from recloop.training.exchange import CRITERIA, SCOPES
from recloop.training.sequences import prepare, rank, validation_events
from recloop.training.supervised import SELECTION_CUTOFF, NextItems, fit_sessions

__all__ = ["Peers", "prepare", "rank", "train"]

NAMES = ("one", "two")
ANOTHER = 500_000  # numbers of the second peer's random orders, beyond those of the first
EXCHANGES = ("none", "layer", "parameter", "noise", "prune", "swa")


@dataclass(frozen=True)
class Way:
    """How peers differ and what they exchange; `paper.yaml` has the source of each value.

    Attributes:
        peers: how many models are trained, 1 or 2.
        exchange: `layer` mixes tensors, `parameter` copies entries, `noise` and `prune` need no peer; with `swa` the
            second model is not trained: it is the mean of the first one's weights after each of the last epochs.
        criterion: what makes a tensor important (`layer`).
        alpha, largest: a and b of the weight of the own tensor (`layer`).
        share: of the smallest entries of a tensor, for what works entry by entry.
        noise, noise_epochs: base of the deviation, and epochs after which its exponent grows.
        scope: the tensors that are exchanged.
        fixlr: whether both peers have the full learning rate.
        evaluated: whether the weights are judged, and served, `after` or `before` the exchange.
        reshuffled: whether every epoch has an order of its own.
        times: how many times as many epochs there are.
        swa_from: share of the epochs after which the mean begins.
    """

    peers: int = 2
    exchange: str = "none"
    criterion: str = "entropy"
    alpha: float = 1.0
    largest: float = 1.0
    share: float = 0.5
    noise: float = 0.05
    noise_epochs: int = 30
    scope: str = "all"
    fixlr: bool = False
    evaluated: str = "after"
    reshuffled: bool = True
    times: int = 1
    swa_from: float = 0.5

    def __post_init__(self) -> None:
        allowed = {"exchange": EXCHANGES, "criterion": CRITERIA, "scope": SCOPES}
        allowed |= {"evaluated": ("after", "before"), "peers": (1, 2)}
        for name, values in allowed.items():
            if (value := getattr(self, name)) not in values:
                known = ", ".join(map(str, values))
                raise ValueError(f"{name}={value!r}: expected one of {known}")
        if self.exchange in ("layer", "parameter", "swa") and self.peers == 1:
            raise ValueError(f"exchange={self.exchange!r} needs peers=2")

    @classmethod
    def of(cls, training: dict) -> "Way":
        """Read the settings of a loop."""
        return cls(**{one.name: training[one.name] for one in fields(cls) if one.name in training})

    def rate(self, peer: int) -> float:
        """Compute the factor of a peer's learning rate, counted from 0: (1 + cos(pi (n - i) / n)) / 2 for i = 1 … n."""
        if self.fixlr:
            return 1.0
        return (1 + math.cos(math.pi * (self.peers - peer - 1) / self.peers)) / 2


class Peers(NextItems):
    """The next items of one or two models, and their exchange.

    Args:
        model: the models by name, `one` and perhaps `two`.
        way: how they differ and what they exchange.
        given: as for `NextItems`.
    """

    def __init__(self, model: nn.Module, way: Way, **given: Any):
        super().__init__(model, **given)
        self.way, self.peers = way, dict(model.named_children())
        self.trained = [name for name in self.peers if (name, way.exchange) != ("two", "swa")]
        self.targets *= len(self.trained)
        self.candidates = self.candidates_of(model)
        self.names = list(dict(self.peers["one"].named_parameters()))
        kinds = exchange.scope_of(self.peers["one"])
        self.scopes = {
            scope: [name for name in self.names if scope in ("all", kinds[name])]
            for scope in SCOPES
        }
        self.matrices = [name for name in self.names if self.of("one")[name].dim() > 1]
        epochs, unknown = self.schedule.epochs, math.nan
        self.scores = torch.full((epochs, len(self.candidates)), unknown)
        self.cosines = torch.full((epochs, len(SCOPES)), unknown)
        self.shares = torch.full((epochs, len(NAMES), len(self.matrices)), unknown)

    def candidates_of(self, model: nn.Module) -> dict[str, nn.Module]:
        """Name what may be served: one of the peers, their ensemble, or the mean alone."""
        if isinstance(model, Ensemble):
            return {"both": model}
        return {"two": model.two} if self.way.exchange == "swa" else self.peers

    def of(self, peer: str) -> dict[str, Tensor]:
        """Give the weights of a peer by name."""
        return {name: one.detach() for name, one in self.peers[peer].named_parameters()}

    # -- training ---------------------------------------------------------------------------------------------------

    def batches(self, epoch: int, skip: int) -> Iterator[dict[str, Int[Tensor, " row"]]]:
        """List the rows of each batch for each peer, in orders of their own.

        Where weights are judged before the exchange, it is made when the next epoch begins, so that what is kept is
        what was judged.
        """
        if self.way.evaluated == "before" and epoch and not skip:
            self.exchange(epoch - 1)
        orders = [self.order(epoch, number) for number in range(len(self.trained))]
        parts = zip(*(order.split(self.rows)[skip:] for order in orders), strict=True)
        return (dict(zip(self.trained, rows, strict=True)) for rows in parts)

    def order(self, epoch: int, peer: int) -> Int[Tensor, " row"]:
        """Shuffle the windows for an epoch of a peer, or once for all epochs."""
        number = (epoch if self.way.reshuffled else 0) + peer * ANOTHER
        return torch.randperm(len(self.windows), generator=self.context.generator(number))

    def loss(self, batch: dict[str, Int[Tensor, " row"]]) -> dict[str, Float[Tensor, ""]]:
        """Let every peer compute the loss of its own windows."""
        device = self.context.device
        return {
            name: self.peers[name].loss(self.windows.take(rows, device))
            for name, rows in batch.items()
        }

    def size(self, batch: dict[str, Int[Tensor, " row"]]) -> int:
        """Count the targets of a batch."""
        return sum(map(super().size, batch.values()))

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an Adam for each peer; its moments outlive every exchange (released code)."""
        given = {"weight_decay": self.schedule.weight_decay, "fused": True}
        return {
            name: torch.optim.Adam(
                self.peers[name].parameters(),
                lr=self.schedule.learning_rate * self.way.rate(number),
                **given,
            )
            for number, name in enumerate(self.trained)
        }

    # -- exchange ---------------------------------------------------------------------------------------------------

    def after_epoch(self, epoch: int) -> None:
        """Measure how alike the peers are, and let them exchange."""
        self.done = epoch
        if len(self.peers) == len(NAMES):
            both = [self.of(name) for name in NAMES]
            for number, names in enumerate(self.scopes.values()):
                parts = ({name: weights[name] for name in names} for weights in both)
                self.cosines[epoch, number] = exchange.cosine(*parts)
        if self.way.evaluated == "after":
            self.exchange(epoch)

    @torch.no_grad()
    def exchange(self, epoch: int) -> None:
        """Change both peers by one snapshot of both."""
        if self.way.exchange == "none":
            return
        snapshot = {name: self.of(name) for name in self.peers}
        made = {name: self.changed(name, snapshot, epoch) for name in self.peers}
        for peer, weights in made.items():
            parameters = dict(self.peers[peer].named_parameters())
            for name in self.scopes[self.way.scope]:
                parameters[name].copy_(weights[name])

    def changed(self, peer: str, snapshot: dict[str, dict], epoch: int) -> dict[str, Tensor]:
        """Compute the weights of a peer after the exchange; nothing is written yet."""
        way, own = self.way, snapshot[peer]
        if way.exchange == "noise":
            deviation = exchange.noise_deviation(epoch, way.noise, way.noise_epochs)
            return exchange.noisy(own, way.share, deviation)
        if way.exchange == "prune":
            return exchange.pruned(own, way.share)
        if way.exchange == "swa":
            return own if peer == "one" else self.averaged(own, snapshot["one"], epoch)
        other = snapshot["two" if peer == "one" else "one"]
        if way.exchange == "parameter":
            return exchange.parameter_wise(own, other, way.share)
        mixed, shares = exchange.layer_wise(own, other, way.criterion, way.alpha, way.largest)
        self.shares[epoch, NAMES.index(peer)] = torch.tensor(list(shares.values()))
        return mixed

    def averaged(
        self, mean: dict[str, Tensor], newest: dict[str, Tensor], epoch: int
    ) -> dict[str, Tensor]:
        """Take the newest weights into the mean; until it begins they are all of it."""
        begin = int(self.way.swa_from * self.schedule.epochs)
        count = max(1, epoch - begin + 1)
        return {name: one.lerp(newest[name], 1 / count) for name, one in mean.items()}

    # -- what is served -----------------------------------------------------------------------------------------------

    def evaluate(self) -> float:
        """Average NDCG@10 over the validation events, of the best of what may be served."""
        self.scores[self.done] = torch.tensor([*map(self.judge, self.candidates.values())])
        return self.scores[self.done].max().item()

    def judge(self, model: nn.Module) -> float:
        """Average NDCG@10 of one model."""
        ranks = rank_events(model, self.events, 0, self.context.device)
        gains = expected_gain(ranks.better, ranks.tied, SELECTION_CUTOFF, GAINS["NDCG"])
        return gains.mean().item()

    def served(self, weights: dict[str, Tensor], epoch: int) -> tuple[str, dict[str, Tensor]]:
        """Take out of the best weights those that are served: the better of the peers on the validation events.

        Args:
            weights: of all models.
            epoch: the best one, counted from 0.
        """
        chosen = list(self.candidates)[int(self.scores[epoch].argmax())]
        if chosen == "both":
            return chosen, weights
        start = f"{chosen}."
        return chosen, {
            name.removeprefix(start): one for name, one in weights.items() if name.startswith(start)
        }

    def record(self) -> dict:
        """Describe the exchange, an entry per epoch: score of each candidate, cosine by scope, w of each tensor."""
        return {
            "candidates": list(self.candidates),
            "scores": listed(self.scores),
            "cosine": dict(zip(SCOPES, listed(self.cosines.T), strict=True)),
            "tensors": self.matrices,
            "shares": dict(zip(NAMES, listed(self.shares.transpose(0, 1)), strict=True)),
        }

    def state(self) -> dict[str, Tensor]:
        """Return what was measured so far."""
        return {"scores": self.scores, "cosines": self.cosines, "shares": self.shares}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on with what was measured."""
        self.scores, self.cosines, self.shares = (
            tensors[name] for name in ("scores", "cosines", "shares")
        )


def listed(values: Tensor) -> list | float | None:
    """Write numbers as lists; null where nothing was measured."""
    if values.dim():
        return [listed(row) for row in values]
    return None if values.isnan() else values.item()


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sessions],
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, train the peers with it, and serve one of them.

    Args:
        make: makes a fresh model; of an ensemble both.
        parts: `train` and `valid`.
        items: size of the catalogue.
        training: settings of the loop, see a study's `training`.
        context: seed of all that is drawn; folder for checkpoints; device; log.

    Returns:
        The weights of the model that is served, and the facts for the record.
    """
    way, made = Way.of(training), []
    windows = cut(parts["train"], training["length"], items)
    events = validation_events(parts["valid"], training, items)

    def objective(**given: Any) -> Peers:
        made.append(Peers(way=way, windows=windows, events=events, **given))
        return made[-1]

    longer = training | {"epochs": training["epochs"] * way.times}
    weights, facts = fit_sessions(partial(together, make, way), objective, longer, context)
    chosen, weights = made[-1].served(weights, round(facts["best_epoch"]) - 1)
    return weights, facts | {"served": chosen, "peers": made[-1].record()}


def together(make: Callable[[], nn.Module], way: Way) -> nn.Module:
    """Make the models that train together: an ensemble has both, others are made one by one."""
    model = make()
    if isinstance(model, Ensemble):
        return model
    return nn.ModuleDict({"one": model} | ({"two": make()} if way.peers == len(NAMES) else {}))
