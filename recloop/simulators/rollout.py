"""A dialogue model and simulated users to finished dialogues, and to the rank of every target at every turn."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from recloop.data.pools import Requests, World, first_lists
from recloop.evaluation.ranking import GAINS, expected_gain
from recloop.fitting.finite import check_rows
from recloop.models.dialogue.dialogue import Dialogue, DialogueModel, State
from recloop.simulators.environment import Environment
from recloop.simulators.nearest import Nearest

AT_ONCE = 512  # dialogues that are evaluated side by side
Choose = Callable[
    [int, State, Tensor], Tensor
]  # number of the list, state, rows seen: rows to show


def converse(
    model: DialogueModel,
    environment: Environment,
    requests: Requests,
    catalogue: Float[Tensor, "every features"],
    table: Float[Tensor, "item dim"],
    choose: Choose,
    generator: torch.Generator,
) -> tuple[Dialogue, Int[Tensor, "batch turn"]]:
    """Show one list after the other and hear what the users say.

    Args:
        model: tracks what they want.
        environment: the users; says how many lists there are.
        requests: what they look for and what they bought before.
        catalogue: features of all items, for histories.
        table: the pool through `model.embed`.
        choose: gives each list.
        generator: handed on, for negatives.

    Returns:
        The dialogues and the number of each sentence.
    """
    environment.reset(requests.target, table=table)
    states, infos, feedback = [begin(model, requests, catalogue)], [], []
    lists = []
    for number in range(environment.lists):
        lists.append(choose(number, states[-1], environment.seen))
        answer, *_, info = environment.step(lists[-1])
        states.append(model.observe(states[-1], answer))
        feedback.append(answer)
        infos.append(info)
    by_list = {name: torch.stack([info[name] for info in infos], dim=1) for name in infos[0]}
    sentence = by_list.pop("sentence")
    dialogue = Dialogue(
        requests.target,
        states,
        torch.stack(lists, dim=1),
        feedback=feedback,
        table=table,
        own_first=model.personal,
        generator=generator,
        **by_list,
    )
    return dialogue, sentence


def begin(
    model: DialogueModel, requests: Requests, catalogue: Float[Tensor, "every features"]
) -> State:
    """Let the model look at what was bought before."""
    past = torch.arange(requests.history.shape[1], device=requests.length.device)
    real = past < requests.length[:, None]
    return model.begin(catalogue[requests.history] * real[..., None], requests.length)


@dataclass(frozen=True)
class Transcript:
    """What happened in dialogues, list by list; items are rows of the pool.

    Attributes:
        better: items that the state is nearer to than to the target, of those not shown before; 0 once it was found.
        tied: items it is as near to as to the target, itself included; 0 once it was found.
        shown: the lists.
        liked: the item that the critique is about.
        sentence: number of the critique.
        solved: whether the target is in this list or an earlier one.
    """

    better: Int[Tensor, "batch turn"]
    tied: Int[Tensor, "batch turn"]
    shown: Int[Tensor, "batch turn k"]
    liked: Int[Tensor, "batch turn"]
    sentence: Int[Tensor, "batch turn"]
    solved: Bool[Tensor, "batch turn"]

    def gain(self, first: int, k: int) -> Shaped[np.ndarray, "batch turn"]:
        """Compute NDCG@k of every list from number `first` on; 1 once the target was found."""
        tied = np.maximum(self.tied[:, first:].cpu().numpy(), 1)
        return expected_gain(self.better[:, first:].cpu().numpy(), tied, k, GAINS["NDCG"])


class Ranking:
    """Choose the nearest items and note where the target stands; the first list may be drawn by chance.

    Args:
        requests: who looks for what.
        nearest: ranks the pool.
        shown: items per list.
        own_first: whether the model makes the first list.
    """

    def __init__(self, requests: Requests, nearest: Nearest, shown: int, own_first: bool):
        self.requests, self.nearest, self.shown, self.own_first = (
            requests,
            nearest,
            shown,
            own_first,
        )
        self.better, self.tied = [], []

    def __call__(
        self, number: int, state: State, seen: Int[Tensor, "batch seen"]
    ) -> Int[Tensor, "batch k"]:
        target = self.requests.target
        check_rows(
            state.query,
            lambda row: f"the state of dialogue {self.requests.dialogue[row]} before list {number}",
        )
        if number or self.own_first:
            top, better, tied = self.nearest.rank(state.query, target, seen, self.shown)
        else:
            top = first_lists(self.requests.dialogue, self.shown, self.nearest.items)
            better, tied = by_chance(top, target, self.nearest.items)
        self.better.append(better)
        self.tied.append(tied)
        return top


def by_chance(
    shown: Int[Tensor, "batch k"], target: Int[Tensor, " batch"], items: int
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    """Place targets in a random ranking that begins with a random list: what is not shown could be anywhere below."""
    here = shown == target[:, None]
    found, k = here.any(1), shown.shape[1]
    better = torch.where(found, here.int().argmax(1), k)
    return better, torch.where(found, 1, items - k)


@torch.no_grad()
def ask(model: DialogueModel, world: World, environment: Environment, shown: int) -> Transcript:
    """Hold every dialogue of a part with a model that learns nothing from it.

    Args:
        model: put into evaluation mode.
        world: pool and requests.
        environment: users of that pool.
        shown: items per list.

    Raises:
        Diverged: a state or an item's embedding is NaN or infinite.
    """
    model.eval()
    device = world.pool.features.device
    table = model.embed(world.pool.features)
    check_rows(table, lambda row: f"the embedding of item {world.pool.ids[row]}")
    nearest, generator, parts = Nearest(table), torch.Generator(), []
    for first in range(0, len(world.requests), AT_ONCE):
        requests = world.requests.take(slice(first, first + AT_ONCE), device)
        ranking = Ranking(requests, nearest, shown, model.personal)
        dialogue, sentence = converse(
            model, environment, requests, world.catalogue, table, ranking, generator
        )
        counts = [torch.stack(column, dim=1) for column in (ranking.better, ranking.tied)]
        better, tied = (torch.where(dialogue.open, count, 0) for count in counts)
        here = (dialogue.shown == requests.target[:, None, None]).any(2)
        parts.append(
            Transcript(
                better, tied, dialogue.shown, dialogue.liked, sentence, ~dialogue.open | here
            )
        )
    return Transcript(
        *(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Transcript))
    )


def write(
    transcript: Transcript,
    world: World,
    first_turn: int,
    sentences: Callable[[Tensor], list[str]],
    output: Path,
) -> None:
    """Write one row per dialogue and turn, items by their catalogue numbers.

    Args:
        transcript: of all dialogues of `world`, in their order.
        world: whose pool the rows belong to.
        first_turn: number of the first list; 0 if it does not count as a turn.
        sentences: writes critiques out by their numbers.
        output: parquet file.
    """
    lists, ids = transcript.shown.shape[1], world.pool.ids.cpu()
    rows, transcript = (
        world.rows,
        Transcript(*(getattr(transcript, field.name).cpu() for field in fields(Transcript))),
    )
    utterances, places = transcript.sentence.unique(return_inverse=True)
    columns = {
        "session": (np.repeat(rows["dialogue"].to_numpy(), lists), pl.Int64),
        "position": (np.tile(np.arange(first_turn, first_turn + lists), len(rows)), pl.Int32),
        "target": (np.repeat(rows["target"].to_numpy(), lists), pl.Int32),
        "better": (transcript.better.flatten().numpy(), pl.Int32),
        "tied": (transcript.tied.flatten().numpy(), pl.Int32),
        "top": (
            ids[transcript.shown].flatten(0, 1).numpy(),
            pl.Array(pl.Int32, transcript.shown.shape[2]),
        ),
        "liked": (ids[transcript.liked].flatten().numpy(), pl.Int32),
        "solved": (transcript.solved.flatten().numpy(), pl.Boolean),
        "user": (np.repeat(rows["user"].to_numpy(), lists), pl.Int64),
    }
    frame = pl.DataFrame({name: pl.Series(name, *column) for name, column in columns.items()})
    critiques = pl.Series("critique", sentences(utterances), pl.String)
    output.parent.mkdir(parents=True, exist_ok=True)
    frame.with_columns(
        critique=critiques.gather(places.flatten().numpy()),
        group=rows["group"].gather(np.repeat(np.arange(len(rows)), lists)),
    ).write_parquet(output)
