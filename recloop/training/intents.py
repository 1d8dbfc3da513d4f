"""Logged sessions with their moments to a policy that knows its context, or an intent."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch, Events
from recloop.data.moments import Moments, Observed, item_kinds
from recloop.evaluation.ranker import MOST_ROWS, Ranks
from recloop.evaluation.ranker import rank as rank_events
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.models.sessions import last
from recloop.storage.moving import moved
from recloop.training.sequences import (
    data_facts,
    excludes_seen,
    judged_on,
    maker,
    validation_events,
    write_lists,
)
from recloop.training.supervised import NextItems, fit_sessions

__all__ = ["prepare", "rank", "train"]

CURVE = ("update", "elbo", "kl")


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, the folder of a split; others are not looked at.
        settings: `model`, `training` and `inference`, as resolved from the study.
        needs, device: as for other loops.
    """
    folder, training = data["sessions"], settings["training"]
    facts = facts_of(folder, settings, needs)
    parts = {part: Moments.read(folder, part, training) for part in ("train", "valid")}
    return {"make": maker(settings, facts), "parts": parts, "items": facts["items"]}


def facts_of(folder: Path, settings: dict, needs: dict[str, Path]) -> dict:
    """Collect what a model may need to know of the data, with the number of kinds that items have."""
    training = settings["training"]
    kinds = item_kinds(folder, training["most_kinds"]).shape[1] if training["horizon"] else 0
    return data_facts(folder, settings, needs) | {"kinds": kinds}


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Moments],
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it; keep ELBO and KL of every validation."""
    events = validation_events(parts["valid"].sessions, training, items)
    made: list[Intents] = []

    def objective(**given) -> Intents:
        asked = {"length": training["length"], "vae_rate": training["vae_rate"]}
        made.append(Intents(parts=parts, events=events, **asked, **given))
        return made[-1]

    weights, facts = fit_sessions(make, objective, training, context)
    rows = made[-1].curve.tolist()
    return weights, facts | {"intents": [dict(zip(CURVE, row, strict=True)) for row in rows]}


class Intents(NextItems):
    """The next item at every step of shuffled windows, each step with its moment.

    Args:
        model: has `loss(batch)` and `score(session, …)`, and perhaps `measure`.
        parts: `train` and `valid`.
        length: items of a session that a model sees.
        events: validation events.
        schedule, context: of the training.
        vae_rate: learning rate of a VAE over that of its policy.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: dict[str, Moments],
        length: int,
        events: Events,
        schedule: Schedule,
        context: TrainingContext,
        vae_rate: float = 1.0,
    ):
        windows, self.places = parts["train"].windows(length, events.padding)
        super().__init__(model, windows, events, schedule, context)
        self.about, self.did = parts["train"].tensors()
        self.valid, self.vae_rate = parts["valid"], vae_rate
        self.curve = torch.zeros(0, len(CURVE), dtype=torch.float64)
        self.seen = 0

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make one Adam with two groups of parameters: the policy's, and the VAE's with a rate of its own."""
        if not hasattr(self.model, "vae"):
            return super().optimisers(phase)
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        groups = [
            {"params": [*self.model.policy.parameters()]},
            {"params": [*self.model.vae.parameters()], "lr": self.vae_rate * rate},
        ]
        return {"all": torch.optim.Adam(groups, lr=rate, weight_decay=decay, fused=True)}

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Let the model compute the loss of some windows."""
        self.seen += 1
        return self.model.loss(self.observed(batch))

    def observed(self, rows: Int[Tensor, " row"]) -> Observed:
        """Pick some windows with their moments."""
        device, places = self.context.device, self.places[rows]
        bare = self.windows.take(rows, device)
        plain = (getattr(bare, one.name) for one in fields(Batch))
        about, did = (moved(one[places], device) for one in (self.about, self.did))
        return Observed(*plain, about, did.float())

    def ranks(self) -> Ranks:
        """Rank the validation events."""
        return Asking(self.model, self.valid, self.events, self.context.device).ranks(0)

    def evaluate(self) -> float:
        """Average NDCG@10 over the validation events, and note what the model says of intents there."""
        if hasattr(self.model, "vae"):
            found = measured(self.model, self.valid, self.events, self.context.device)
            row = [self.seen, found["elbo"].mean(), found["kl"].mean()]
            self.curve = torch.cat([self.curve, torch.tensor([row], dtype=torch.float64)])
        return super().evaluate()

    def state(self) -> dict[str, Tensor]:
        """Return the curve so far, and how many batches were seen."""
        return {"curve": self.curve, "seen": torch.tensor(self.seen)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on with the curve."""
        self.curve, self.seen = tensors["curve"], int(tensors["seen"])


class Asking(nn.Module):
    """A model as the ranker asks it: event after event, each with what the model sees of its moment.

    Made for one ranking: it counts the events that it has scored.
    """

    def __init__(
        self, model: nn.Module, moments: Moments, events: Events, device: torch.device | str
    ):
        super().__init__()
        self.model, self.moments, self.events, self.device = model, moments, events, device
        self.done = 0

    def ranks(self, top_k: int) -> Ranks:
        """Rank all events."""
        return rank_events(self, self.events, top_k, self.device)

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item for the next events."""
        part = slice(self.done, self.done + len(session))
        self.done = part.stop
        seen = seen_at(self.moments, self.events.index[part], session.device)
        return self.model.score(session, *(seen[name] for name in self.model.sees))


def seen_at(moments: Moments, index: np.ndarray, device: torch.device | str) -> dict[str, Tensor]:
    """Look up context and behaviour of some events."""
    return {
        name: torch.from_numpy(getattr(moments, name)[index]).float().to(device)
        for name in ("context", "behaviour")
    }


@torch.inference_mode()
def measured(
    model: nn.Module, moments: Moments, events: Events, device: torch.device | str
) -> dict[str, np.ndarray]:
    """Let a model measure the intents of all events; nothing for one that has none."""
    if not hasattr(model, "measure"):
        return {}
    model.eval()
    with torch.random.fork_rng([torch.device(device)] if "cuda" in str(device) else []):
        torch.manual_seed(0)  # the ELBO's draw: the same for every model, and no other draw moves
        found = [
            measured_part(model, moments, events, part, device) for part in chunks(len(events))
        ]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def measured_part(
    model: nn.Module, moments: Moments, events: Events, part: slice, device: torch.device | str
) -> dict[str, np.ndarray]:
    session = events.prefixes(part).to(device)
    states = last(model.encoder(session), session, events.padding)
    seen = seen_at(moments, events.index[part], device)
    found = model.measure(states, **seen)
    return {name: tensor.cpu().numpy() for name, tensor in found.items()}


def chunks(number: int) -> Iterator[slice]:
    """Part many events into as many as are measured at once."""
    return (slice(first, first + MOST_ROWS) for first in range(0, number, MOST_ROWS))


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the whole catalogue for every test event; keep ranks and lists, and what the model says of intents.

    Args:
        data: `sessions`, and `raw`, which has the truth of an embedded world.
        tensors, settings, needs, output, top_k, device: as for other loops of sessions.
    """
    folder, part = data["sessions"], judged_on(settings)
    facts = facts_of(folder, settings, needs)
    training = settings["training"]
    moments = Moments.read(folder, part, training)
    events = Events.of(
        moments.sessions, training["length"], facts["items"], excludes_seen(training)
    )
    model = maker(settings, facts)()
    model.load_state_dict(tensors)
    model = model.to(device)
    write_lists(output, events, Asking(model, moments, events, device).ranks(top_k))
    return write_intents(output, events, moments, measured(model, moments, events, device), data)


def write_intents(
    output: Path,
    events: Events,
    moments: Moments,
    found: dict[str, np.ndarray],
    data: dict[str, Path],
) -> None:
    """Add to the lists of a model with intents: these, the ELBO's terms, when it was, and the planted truth."""
    if not found:
        return
    order = events.canonical()
    index, row = events.index[order], events.row[order]
    columns = {
        "time": pl.Series(moments.time[index]),
        "alike": pl.Series(moments.behaviour[index, 3] > 0),
        "user": pl.Series(moments.users[row], dtype=pl.String),
        **{name: series(values[order]) for name, values in found.items()},
    }
    lists = pl.read_parquet(output).with_columns(**columns)
    if (truth := data["raw"] / "truth.npz").exists():
        lists = lists.with_columns(planted=planted(truth, moments)[row])
    lists.write_parquet(output)


def series(values: np.ndarray) -> pl.Series:
    """Turn numbers, or rows of numbers, into a column."""
    dtype = pl.Array(pl.Float32, values.shape[1]) if values.ndim == 2 else pl.Float32
    return pl.Series(values.astype(np.float32), dtype=dtype)


def planted(truth: Path, moments: Moments) -> pl.Series:
    """Look up the true intent of each session: that of the user's last visit that had begun by its first event."""
    known = np.load(truth)
    if "intent" not in known:
        return pl.Series([None] * len(moments.users), dtype=pl.Int64)
    visits = pl.DataFrame(
        {"user": known["user"] + 1, "time": known["start"], "planted": known["intent"]}
    )
    visits = visits.with_columns(pl.col("user").cast(pl.String)).sort("time")
    begin = moments.time[moments.sessions.offsets[:-1]]
    sessions = (
        pl.DataFrame({"user": moments.users, "time": begin}).with_row_index("row").sort("time")
    )
    joined = sessions.join_asof(visits, on="time", by="user", check_sortedness=False)
    return joined.sort("row")["planted"]
