"""Users who rated to models that say which genres they like: soft prompts, text prompts, probes and counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from recloop.data import tastes as data_of
from recloop.data.tastes import NOBODY, Rated
from recloop.features.cache import Features
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.tuning import fit_tuned
from recloop.language.tastes import check_genres, read
from recloop.language_models import open_language_model
from recloop.language_models.interactions import Interactions
from recloop.models import build
from recloop.models.tastes.query import Query
from recloop.storage.files import replacing
from recloop.storage.moving import moved

LIKELIHOOD = Metric("valid_score", "likelihood")
PLACEBOS = (None, "shuffled", "untrained")
LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Asked:
    """The users of one part who have tastes, each with the history that is seen.

    Attributes:
        rated: all users of the part.
        users: places of those who are asked about.
        seen: places of the ratings in each one's history.
        rows: of each rating, the row of its text.
        liked, disliked: what is to be said.
        features: the texts, encoded.
        scale: mean and deviation of the encoded ratings of the training part.
        told: the texts.
        genres: of the items.
    """

    rated: Rated
    users: Int[np.ndarray, " user"]
    seen: Int[np.ndarray, "user place"]
    rows: Int[np.ndarray, " rating"]
    liked: Bool[np.ndarray, "user genre"]
    disliked: Bool[np.ndarray, "user genre"]
    features: Features
    scale: Float[Tensor, "2 width"]
    told: list[str]
    genres: Bool[np.ndarray, "item genre"]

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def sessions(self) -> Int[np.ndarray, " user"]:
        """The number by which a user is known."""
        return self.rated.users[self.users]

    def query(self, chosen: Int[np.ndarray, " chosen"], device: torch.device | str) -> Query:
        """Collect what is asked of some users; places that nobody fills are cut off."""
        seen = self.seen[chosen]
        seen = seen[:, (seen != NOBODY).any(0)]
        known = seen != NOBODY
        rows, items = self.rows[seen], self.rated.items[seen]
        states = self.features.tensor(rows.ravel()).view(*rows.shape, -1)
        states = (states - self.scale[0]) / self.scale[1] * torch.from_numpy(known)[:, :, None]
        told = [
            [self.told[row] for row, one in zip(*pair, strict=True) if one]
            for pair in zip(rows.tolist(), known.tolist(), strict=True)
        ]
        ratings = np.where(known, self.rated.ratings[seen], 0.0).astype(np.float32)
        given = (self.genres[items], self.liked[chosen], self.disliked[chosen])
        genres, liked, disliked = (moved(torch.from_numpy(one), device) for one in given)
        real, stars = (moved(torch.from_numpy(one), device) for one in (known, ratings))
        return Query(moved(states, device), real, told, stars, genres, liked, disliked)

    def queries(self, size: int, device: torch.device | str) -> Iterator[Query]:
        """List all users, some at once."""
        for first in range(0, len(self), size):
            yield self.query(np.arange(first, min(first + size, len(self))), device)


# -- data to keywords --------------------------------------------------------------------------------------------------


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, a split of users; `tables`, with their ratings; `interactions`, these as texts; `states`, the
            texts as the frozen encoder reads them; `speaker`, a language model of ours, where it is none that is
            published.
        settings: `model`, `training`, `inference`, `prompts` and `speaker`, as resolved from the study.
        needs: nothing.
        device: cpu or cuda.
    """
    parts = partial(asked, data, settings["training"])
    return {"make": maker(data, settings, device), "parts": parts}


def maker(data: dict[str, Path], settings: dict, device: str) -> Callable[[], nn.Module]:
    """Return a function that makes the model; what it opens is opened then."""
    genres, _ = data_of.genre_table(data["sessions"])
    check_genres(genres)
    training, prompts = settings["training"], settings["prompts"]
    facts = {
        "speak": partial(open_language_model, settings["speaker"], data.get("speaker"), device),
        "genres": genres,
        "width": Features.open(data["states"]).dim,
        "places": training["history"],
        "most": training["most"],
        "question": prompts["question"],
        "template": prompts["text_prompt"],
        "max_tokens": settings["inference"]["max_tokens"],
    }
    return lambda: build(settings["model"], **facts)


def asked(data: dict[str, Path], training: dict, part: str, seed: int) -> Asked:
    """Read the users of a part, their histories and their tastes.

    Args:
        data: as for `prepare`.
        training: `past`, `history`, `sampling`, `labels`, `support`, `most` and `placebo`.
        part: of the split.
        seed: of what is drawn.

    Raises:
        ValueError: no user of the part has tastes.
    """
    rated = Rated.read(data["sessions"], data["tables"], part)
    told, (_, genres) = Interactions(data["interactions"]), data_of.genre_table(data["sessions"])
    past = rated.is_past(training["past"])
    counts = pl.read_parquet(data["sessions"] / "items.parquet").sort("item")["count"].to_numpy()
    how = (training["history"], training["sampling"], counts, seed)
    seen, chosen = data_of.histories(rated, past, *how), ~past
    if training["labels"] == "same":
        chosen = np.isin(np.arange(len(past)), seen)
    limits = (training["support"], training["most"])
    liked, disliked = data_of.tastes(rated, genres, chosen, *limits)
    users = np.flatnonzero(liked.any(1))
    if not len(users):
        raise ValueError(
            f"{part}: no user has two genres with {limits[0]} ratings; lower support, or take users with more ratings"
        )
    seen = seen[users]
    if training["placebo"] == "shuffled":
        seen = seen[data_of.others(len(users), seed)]
    states = Features.open(data["states"], told.key)
    rows = told.rows(rated.items, rated.ratings)
    tastes, scale = (liked[users], disliked[users]), scale_of(data, told, states)
    return Asked(rated, users, seen, rows, *tastes, states, scale, told.texts, genres)


def scale_of(
    data: dict[str, Path], told: Interactions, states: Features
) -> Float[Tensor, "2 width"]:
    """Measure the encoded texts of the training part: encoders put all texts close together."""
    train = Rated.read(data["sessions"], data["tables"], "train")
    rows = states.tensor(np.unique(told.rows(train.items, train.ratings)))
    return torch.stack([rows.mean(0), rows.std(0).clamp(min=LEAST_SPREAD)])


# -- training ----------------------------------------------------------------------------------------------------------


def train(
    make: Callable[[], nn.Module],
    parts: Callable[[str, int], Asked],
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Train a model by the likelihood of what is to be said; count where there is nothing to learn.

    Args:
        make: makes a fresh model.
        parts: gives the users of a part.
        training: settings of the loop, see a study's `training`.
        context: of the run.

    Returns:
        The best weights without those that are frozen, and the facts for the record.
    """
    found = {part: parts(part, context.seed) for part in ("train", "valid")}
    torch.manual_seed(context.seed)
    model = made(make, training, context)
    users = {"users": {part: len(one) for part, one in found.items()}}
    if not learning(model):
        if hasattr(model, "fit"):
            model.fit(found["train"].queries(training["batch_size"], context.device))
        return own_weights(model), run_facts() | users | {"learned": 0}
    numbers = learning(model)
    del model

    def begin(schedule: Schedule, moment: TrainingContext) -> Saying:
        return Saying(made(make, training, moment), found, training, schedule, moment)

    best, facts, last = fit_tuned(begin, training, context, LIKELIHOOD, keeps="trained")
    weights = own_weights(last.objective.model) | best  # an untrained adapter is none of the best
    return weights, facts | users | {"learned": numbers}


def made(make: Callable[[], nn.Module], training: dict, context: TrainingContext) -> nn.Module:
    """Make a model on its device; the placebo `untrained` leaves its adapter as it was drawn."""
    if training["placebo"] not in PLACEBOS:
        raise ValueError(f"placebo={training['placebo']!r}: expected one of {PLACEBOS}")
    model = make().to(context.device)
    if training["placebo"] == "untrained":
        model.adapter.requires_grad_(False)
    return model


def learning(model: nn.Module) -> int:
    """Count the numbers that are learned."""
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def own_weights(model: nn.Module) -> dict[str, Tensor]:
    """Copy what a model has beside the language model."""
    named = model.state_dict().items()
    return {name: one.clone() for name, one in named if ".network." not in name}


class Saying(Objective):
    """The likelihood of each user's answer, in shuffled batches of users.

    Args:
        model: has `losses(query)`.
        parts: `train` and `valid`.
        training: `language_rate`, the learning rate of a language model over that of the rest.
        schedule, context: of the training.
    """

    metric = LIKELIHOOD
    divisible = True

    def __init__(
        self,
        model: nn.Module,
        parts: dict[str, Asked],
        training: dict,
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.model, self.parts, self.training = model, parts, training
        self.schedule, self.context = schedule, context
        self.length = -(-len(parts["train"]) // schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterator[Int[Tensor, " user"]]:
        """List the users of each batch, in an order that hangs on seed and epoch."""
        order = torch.randperm(len(self.parts["train"]), generator=self.context.generator(epoch))
        return iter(order.split(self.schedule.batch_size)[skip:])

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make one AdamW, with a rate of its own for what of the language model learns."""
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        groups: dict[bool, list[nn.Parameter]] = {False: [], True: []}
        for name, one in self.model.named_parameters():
            if one.requires_grad:
                groups[".network." in name].append(one)
        rates = {False: rate, True: rate * self.training["language_rate"]}
        given = [{"params": own, "lr": rates[which]} for which, own in groups.items() if own]
        return {"all": torch.optim.AdamW(given, lr=rate, weight_decay=decay)}

    def loss(self, batch: Int[Tensor, " user"]) -> Float[Tensor, ""]:
        """Average the negative log-likelihood over the tokens of some users' answers."""
        total, number = self.model.losses(
            self.parts["train"].query(batch.numpy(), self.context.device)
        )
        return total.sum() / number.sum()

    def size(self, batch: Int[Tensor, " user"]) -> int:
        """Count the users of a batch."""
        return len(batch)

    def evaluate(self) -> float:
        """Compute the geometric mean of the likelihoods of all tokens of the validation answers."""
        sums = np.zeros(2)
        for query in self.parts["valid"].queries(
            self.training["asked_at_once"], self.context.device
        ):
            sums += [float(one.sum()) for one in self.model.losses(query)]
        return math.exp(-sums[0] / sums[1])


# -- answers -----------------------------------------------------------------------------------------------------------

SCHEMA = {
    "session": pl.Int64,
    "position": pl.Int32,
    "answer": pl.String,
    "read": pl.Boolean,
    "tokens": pl.Int32,
    "flops": pl.Float64,
}


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Ask about every user of the test part and keep what was said.

    Args:
        data, settings, needs, device: as for `prepare`; `inference` has `judged_on`, the part.
        tensors: the weights.
        output: parquet file, one row per user: `session`, `position` (1), `answer`, `read` (whether the grammar has
            it), `tokens` (of the input), `flops`, and for each genre, those liked first, `said` and `true`.
    """
    genres, _ = data_of.genre_table(data["sessions"])
    training, part = settings["training"], settings["inference"]["judged_on"]
    users = asked(data, training, part, TEST_SEED)
    model = filled(maker(data, settings, device)(), tensors).to(device).eval()
    model.requires_grad_(False)
    queries = users.queries(training["asked_at_once"], device)
    rows = [about(model, query, genres) for query in queries]
    sessions = pl.Series("session", users.sessions)
    return write_answers(output, [pl.concat(rows).with_columns(sessions)], len(genres))


TEST_SEED = 1  # of histories that are drawn when models are judged: the same for all


def filled(model: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    """Load what was learned; what is frozen of a language model is as it was opened.

    Raises:
        ValueError: weights of another model.
    """
    found = model.load_state_dict(tensors, strict=False)
    named = model.named_parameters(remove_duplicate=False)
    frozen = {name for name, one in named if ".network." in name and not one.requires_grad}
    if wrong := [*found.unexpected_keys, *(set(found.missing_keys) - frozen)]:
        raise ValueError(f"the weights are of another model: {wrong[0]} does not fit; run again")
    return model


def about(model: nn.Module, query: Query, genres: list[str]) -> pl.DataFrame:
    """Ask about some users and read what is said; what cannot be read says nothing."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        answers = model.answer(query)
    found = [read(text, genres) for text in answers.texts]
    named = [[genre in side for side in one or ((), ()) for genre in genres] for one in found]
    return pl.DataFrame(
        {
            "answer": answers.texts,
            "read": [one is not None for one in found],
            "tokens": answers.tokens.numpy(),
            "flops": counter.get_total_flops() / len(found),
            "said": named,
            "true": torch.cat([query.liked, query.disliked], dim=1).tolist(),
        }
    )


def write_answers(output: Path, parts: list[pl.DataFrame], genres: int) -> None:
    """Write the answers about all users in the order of their numbers."""
    labels = pl.Array(pl.Boolean, 2 * genres)
    schema = SCHEMA | {"said": labels, "true": labels}
    found = [
        part.with_columns(position=pl.lit(1)).select(
            pl.col(name).cast(dtype) for name, dtype in schema.items()
        )
        for part in parts
    ]
    with replacing(output) as draft:
        pl.concat([pl.DataFrame(schema=schema), *found]).sort("session").write_parquet(draft)
