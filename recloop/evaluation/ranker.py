"""A trained model to the rank of every target among all items, in bounded memory."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from recloop.data.batches import Events
from recloop.fitting.finite import REMEDY, Diverged
from recloop.fitting.highest import top

# Scores held at once: 32 MB on a CPU, enough events to keep the encoder in front of them busy; 1 GiB on a GPU.
CHUNK = {"cpu": 1 << 23, "cuda": 1 << 28}
# Of these, scores looked at together, several times over: 4 MB on a CPU stay in its cache. The comparison with the
# target needs as much again, and leaving out what was seen as much as a chunk.
LOOKED_AT = {"cpu": 1 << 20, "cuda": 1 << 28}
MOST_ROWS = 4096


@dataclass(frozen=True)
class Ranks:
    """Where each target stands: `better` items score strictly higher, `tied` the same (the target is one of them)."""

    better: Shaped[np.ndarray, " event"]
    tied: Shaped[np.ndarray, " event"]
    top: Shaped[np.ndarray, "event k"]

    def __len__(self) -> int:
        return len(self.better)

    @classmethod
    def none(cls, top_k: int) -> "Ranks":
        """Make the ranks of no events, with lists of the length they would have."""
        return cls(*(np.empty(shape, np.int32) for shape in (0, 0, (0, top_k))))

    def take(self, rows: Shaped[np.ndarray, " kept"]) -> "Ranks":
        """Pick the ranks of some events, in the order of `rows`."""
        return Ranks(self.better[rows], self.tied[rows], self.top[rows])


@torch.inference_mode()
def rank(model: nn.Module, events: Events, top_k: int, device: torch.device | str = "cpu") -> Ranks:
    """Score the whole catalogue for every event and place the target in it.

    Args:
        model: anything with `score(session) -> batch item`, or with `reads`, the names of what it is given (see `ask`);
            it is put into evaluation mode.
        events: what to predict and from which items.
        top_k: how many best items to keep per event; 0 keeps none.
        device: where the model is.

    Raises:
        Diverged: a score of any item is NaN or infinite.
    """
    model.eval()
    kind = torch.device(device).type
    rows = max(1, min(MOST_ROWS, CHUNK[kind] // events.padding))
    places = Places(top_k, max(1, LOOKED_AT[kind] // events.padding))
    for first in range(0, len(events), rows):
        part = slice(first, first + rows)
        scores = ask(model, events, part, device)
        check_scores(scores, events, first)
        if events.exclude_seen:
            seen = (pairs.to(device) for pairs in events.seen_items(part))
            lowest = scores.new_full((), torch.finfo(scores.dtype).min)
            # Not in place: rows may share their memory.
            scores = scores.index_put(tuple(seen), lowest)
        places.add(scores, torch.from_numpy(events.target[part]).to(device))
        del scores  # so that the next ones lie in the same memory
    return places.ranks()


class Places:
    """Places of the targets among their scores, looked at a few events at a time.

    Args:
        top_k: how many best items to keep per event.
        few: events that are looked at together.
    """

    def __init__(self, top_k: int, few: int):
        self.top_k, self.few = top_k, few
        self.found, self.room = [], None

    def add(self, scores: Float[Tensor, "event item"], targets: Shaped[Tensor, " event"]) -> None:
        """Place the targets of some more events."""
        if self.room is None or len(self.room) < min(self.few, len(scores)):
            self.room = torch.empty_like(scores[: self.few])
        k = min(self.top_k, scores.shape[1])
        for some, own in zip(scores.split(self.few), targets.split(self.few), strict=True):
            self.found.append((*place(some, own, self.room[: len(some)]), top(some, k).cpu()))

    def ranks(self) -> Ranks:
        """Put together what was found."""
        if not self.found:
            return Ranks.none(self.top_k)
        columns = zip(*self.found, strict=True)
        return Ranks(*(torch.cat(column).cpu().numpy().astype(np.int32) for column in columns))


def check_scores(scores: Float[Tensor, "event item"], events: Events, first: int) -> None:
    """Raise `Diverged` with the first event of which some item's score is NaN or infinite.

    Args:
        scores: of the events from number `first` on.
    """
    if scores.sum(1).isfinite().all():
        return  # a sum that is finite has only finite terms, and costs far less than a look at each
    wrong = ~scores.isfinite().all(1)
    if wrong.any():
        event = first + int(wrong.nonzero()[0])
        raise Diverged(
            f"the scores for session {events.session[event]}, position {events.position[event]} are not all finite "
            f"numbers: {REMEDY}"
        )


def ask(
    model: nn.Module, events: Events, part: slice, device: torch.device | str
) -> Float[Tensor, "event item"]:
    """Let the model score what it `reads`: `session`, the items before each event, unless it says otherwise.

    `position` is how many items of the session stand before the target, those beyond the model's length included;
    `owner` is the session's number in the split.
    """
    inputs = {
        "session": lambda: events.prefixes(part),
        "position": lambda: torch.from_numpy(events.position[part]),
        "owner": lambda: torch.from_numpy(events.session[part].astype(np.int64)),
    }
    return model.score(
        *(inputs[name]().to(device) for name in getattr(model, "reads", ("session",)))
    )


def place(
    scores: Float[Tensor, "event item"],
    targets: Shaped[Tensor, " event"],
    room: Float[Tensor, "event item"],
) -> tuple[Shaped[Tensor, " event"], Shaped[Tensor, " event"]]:
    """Count the items above each target and those level with it; `room` is overwritten."""
    own = scores.gather(1, targets[:, None].long())
    # Comparing into floats is several times faster than into booleans; sums in float32 are exact up to 2^24 items.
    above = torch.gt(scores, own, out=room).sum(1, dtype=torch.float32)
    level = torch.ge(scores, own, out=room).sum(1, dtype=torch.float32) - above
    return above.int(), level.int()
