"""An environment is asked: what it knows of the test part and, for recommenders, which actions it takes for positive.

Nothing is trained. `ByState` ranks by the environment's state alone; a host that has learnt for a while (`early`)
proposes lists, of which the environment chooses (thesis, S6.3.4).
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch import Tensor, nn

from recloop.data.batches import Batch, Events, Sessions, cut
from recloop.data.feedback import items_of
from recloop.evaluation.ranker import rank as rank_events
from recloop.fitting.context import TrainingContext
from recloop.fitting.progress import NDCG, run_facts
from recloop.models import build
from recloop.models.nonparametric.item_knn import ItemKNN
from recloop.simulators.feedback import open_environment
from recloop.simulators.histories import Histories, negatives
from recloop.simulators.previews import left_to_ask
from recloop.storage import checkpoint
from recloop.training.sequences import data_facts, judged_on, read_part, write_lists

__all__ = ["prepare", "rank", "train"]

ENVIRONMENT = "environment"
AT_ONCE = 512  # steps between two lines of progress
CHOSEN_BY = (ENVIRONMENT, "first", "drawn", "popular", "neighbours")


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, and the folders that the environment is opened from.
        settings: `model`, `training`, `inference` and `environment`, as resolved from the study.
        needs: `early`, weights of the host that proposes; without it nothing is chosen.
        device: cpu or cuda.
    """
    sessions, by = data["sessions"], settings["training"].get("chosen_by", ENVIRONMENT)
    asked = by == ENVIRONMENT  # whoever else chooses needs none
    return {
        "environment": open_environment(settings["environment"], data, device) if asked else None,
        "early": host(settings, sessions, needs, device),
        "sessions": sessions,
        "items": items_of(sessions),
    }


def host(settings: dict, sessions: Path, needs: dict[str, Path], device: str) -> nn.Module | None:
    """Open the host that has learnt for a while."""
    if "early" not in needs:
        return None
    made = build(settings["model"], **data_facts(sessions, settings, {}))
    made.load_state_dict(checkpoint.load(needs["early"])[0])
    return made.to(device).eval()


def train(
    environment: Any,
    early: nn.Module | None,
    sessions: Path,
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Let the environment choose an action at every step of the training part, and reward it; or let a placebo choose.

    Returns:
        `chosen`, the `lists` that they were chosen of and, by the environment alone, `chosen_rewards`, a row for each
        step, window by window; the environment's item vectors where no host proposes. And the facts for the record.
    """
    facts = run_facts() | {NDCG.column: None}
    if early is None:
        return {"vectors": environment.vectors.detach().cpu()}, facts
    windows = cut(Sessions.read(sessions / "train.parquet"), training["length"], items)
    histories = Histories.of(windows, items)
    lists = proposed(early, windows, training["proposed"], context.device)
    if environment is None:
        chosen = choose(None, histories, lists, sessions, training, context.seed)
        return {"chosen": chosen, "lists": lists}, facts
    return answered(environment, histories, lists, training["chooses"], context), facts


def answered(
    environment: Any,
    histories: Histories,
    lists: Int[Tensor, "step k"],
    by: str,
    context: TrainingContext,
) -> dict[str, Tensor]:
    """Let the environment choose of each list, and reward what it chose; goes on where a killed job stopped."""
    parts = torch.arange(len(histories)).split(AT_ONCE)
    steps = [histories.take(rows) for rows in parts]
    costs = [
        environment.cost_of_choices(one.seen, lists[rows], by)
        for one, rows in zip(steps, parts, strict=True)
    ]
    folder, found = context.checkpoint_dir, {}
    drafts = [
        folder and folder / f"choices-{number:05}.safetensors" for number in range(len(parts))
    ]
    for number in left_to_ask(
        costs, [bool(draft and draft.exists()) for draft in drafts], context.log
    ):
        chosen = environment.choose(steps[number].seen, lists[parts[number]], by)
        rewards = environment.rewards(steps[number].seen, chosen[:, None])[:, 0]
        found[number] = {"chosen": chosen, "chosen_rewards": rewards}
        if draft := drafts[number]:
            draft.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.save(draft, found[number], {})
        context.log(f"{int(parts[number][-1]) + 1:,} of {len(histories):,} steps")
    whole = [
        found.get(number) or checkpoint.load(drafts[number])[0] for number in range(len(parts))
    ]
    joined = {
        name: torch.cat([one[name] for one in whole]) for name in ("chosen", "chosen_rewards")
    }
    return joined | {"lists": lists}


@torch.no_grad()
def proposed(
    early: nn.Module, windows: Batch, number: int, device: torch.device | str
) -> Int[Tensor, "step k"]:
    """List the best items of a host at every step."""
    found = []
    for rows in torch.arange(len(windows)).split(256):
        part = windows.take(rows, device)
        states = early.backbone(part.session)[part.following != early.padding]
        found.append(early.rank(states).topk(number).indices.cpu())
    return torch.cat(found)


def choose(
    environment: Any,
    histories: Histories,
    lists: Int[Tensor, "step k"],
    sessions: Path,
    training: dict,
    seed: int,
) -> Int[Tensor, " step"]:
    """Choose an item of each list: by the environment, or by one of the placebos.

    Raises:
        ValueError: chosen by nobody known.
    """
    by = training["chosen_by"]
    if by == ENVIRONMENT:
        return environment.choose(histories.seen, lists, training["chooses"])
    if by == "first":
        return lists[:, 0]
    chance = torch.Generator().manual_seed(seed)
    scores = {
        "drawn": lambda: torch.rand(lists.shape, generator=chance),
        "popular": lambda: item_counts(sessions)[lists],
        "neighbours": lambda: neighbours(histories, sessions, training["length"]).gather(1, lists),
    }
    if by not in scores:
        raise ValueError(f"chosen_by={by!r}: expected one of {', '.join(CHOSEN_BY)}")
    return lists.gather(1, scores[by]().argmax(1)[:, None])[:, 0]


def item_counts(sessions: Path) -> Tensor:
    """Read how often each item is in the training part."""
    return pl.read_parquet(sessions / "items.parquet", columns=["count"])["count"].to_torch()


def neighbours(histories: Histories, sessions: Path, length: int) -> Tensor:
    """Score all items by what goes along with the last one of each history."""
    items, train = items_of(sessions), Sessions.read(sessions / "train.parquet")
    model = ItemKNN(items)
    model.fit(train.items, train.offsets)
    return model.score(torch.tensor([[one[-1]] for one in histories.seen]))


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank by the environment's state, or by the host that proposes, and keep its answers to test events.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: what `train` gave.
        output: parquet file, one row per test event.
        top_k: length of the lists.
    """
    given, training = prepare(data, settings, needs, device), settings["training"]
    sessions = read_part(data["sessions"], judged_on(settings), False)
    events = Events.of(sessions, training["length"], given["items"])
    environment, model = given["environment"], given["early"]
    if model is None:
        facts = {"items": given["items"], "states": environment.states}
        model = build(settings["model"], **facts, vectors=environment.vectors)
    ranks = rank_events(model.to(device), events, top_k, device)
    write_lists(output, events, ranks)
    told = events.take(events.canonical())
    seen = histories_of(told)
    if given["early"] is None:
        more = knows(environment, seen, given["items"])
    else:
        lists = torch.from_numpy(
            ranks.take(events.canonical()).top[:, : training["proposed"]].astype(np.int64)
        )
        chosen = choose(environment, seen, lists, data["sessions"], training, seed=0)
        more = picks(seen.following, chosen, lists, brands(data["sessions"]))
    pl.read_parquet(output).with_columns(**more).write_parquet(output)


def histories_of(events: Events) -> Histories:
    """List what stood before each event."""
    rows = events.prefixes(slice(0, len(events))).tolist()
    seen = [[item for item in row if item != events.padding] for row in rows]
    return Histories(seen, torch.from_numpy(events.target.astype(np.int64)))


def knows(environment: Any, histories: Histories, items: int) -> dict[str, pl.Series]:
    """Measure whether the environment prefers what was taken, and whether its state is nearer to it than another's.

    Returns:
        `preferred` and `nearer`: 1 where that is so, 0 where not, half where both are equal.
    """
    other = negatives(histories, items, torch.Generator().manual_seed(0))
    pairs = torch.stack([histories.following, other], 1)
    rows = [torch.tensor(one) for one in histories.seen]
    session = nn.utils.rnn.pad_sequence(rows, True, items)
    ends = torch.tensor([len(one) - 1 for one in histories.seen])
    states = environment.states(session, items)[torch.arange(len(rows)), ends]
    vectors = environment.vectors.cpu()[histories.following]
    stranger = states.roll(len(states) // 2, 0)  # of another session, with more than two of them
    near = torch.stack([(states * vectors).sum(1), (stranger * vectors).sum(1)], 1)
    won = {"preferred": environment.rewards(histories.seen, pairs), "nearer": near}
    return {name: pl.Series(above(*both.unbind(1)).numpy()) for name, both in won.items()}


def above(one: Tensor, other: Tensor) -> Tensor:
    """Return 1 where the first is greater, half where both are equal, else 0."""
    return (one > other).float() + 0.5 * (one == other).float()


def brands(sessions: Path) -> np.ndarray | None:
    """Give the brand (or artist) of each item a number; -1 where it has none, nothing where none has one."""
    column = pl.read_parquet(sessions / "items.parquet").sort("item")["brand"]
    if column.null_count() == len(column):
        return None
    return column.cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def picks(
    taken: Tensor, chosen: Tensor, lists: Tensor, brand: np.ndarray | None
) -> dict[str, pl.Series]:
    """Compare what was chosen with what was taken, and with the list that it was chosen of.

    Returns:
        `listed`, whether the taken item was in the list; `picked`, whether it was chosen, empty where it was not there;
        `kin` and `kin_listed`: whether the chosen item is of its brand, and the share of the list that is.
    """
    listed = (lists == taken[:, None]).any(1)
    picked = pl.Series((chosen == taken).numpy()).set(pl.Series(~listed.numpy()), None)
    found = {"listed": pl.Series(listed.numpy()), "picked": picked}
    if brand is None:
        return found
    own = brand[taken.numpy()]
    kin = np.stack([brand[one.numpy()] == own for one in (chosen, *lists.T)], 1).astype(float)
    kin[own < 0] = np.nan
    columns = {"kin": kin[:, 0], "kin_listed": kin[:, 1:].mean(1)}
    return found | {name: pl.Series(one).fill_nan(None) for name, one in columns.items()}
