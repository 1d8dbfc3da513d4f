"""Logged sessions: collected by policies in the simulator, kept as a table of inputs, read without its makers."""

import copy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from recloop.data.prepare import content_hash
from recloop.fitting import processor
from recloop.models import build
from recloop.models.offline.learner import Sessions
from recloop.simulators.shoppers import Shoppers
from recloop.storage import checkpoint
from recloop.storage.files import write_json, writing
from recloop.training.given import all_run
from recloop.training.seat import Seat, last_weights
from recloop.training.shop import Shop, open_shop

TABLE, RECORD = "experience.parquet", "experience.json"
COLUMNS = {
    "session": pl.Int32,
    "turn": pl.Int16,
    "item": pl.Int32,
    "sentence": pl.Int32,
    "action": pl.List(pl.Int16),
    "reward": pl.Float32,
    "ends": pl.Boolean,
}
POLICY = "policy"  # who collected a session: for analysis alone, nobody who learns reads it


def collect(
    data: dict[str, Path],
    needs: dict[str, Path],
    settings: dict,
    seed: int,
    output: Path,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Let the policies of a log serve users of the training part.

    Args:
        data: `dialogues`, `catalogue` and `features`.
        needs: weights of a `Behaviour`, the `policy`, of its `perception` and its `speaker`.
        settings: `model` of the behaviour, `environment`, `sessions` and how many run in `parallel`.
        seed: of all chance.
        output: folder for the table and its record.
        device: cpu or cuda.
        threads: processor threads to use.
    """
    processor.use(threads)
    all_run(needs, "the log")
    shop = open_shop(data, settings["environment"], needs)
    model = build(settings["model"], **shop.facts(settings["model"]["class"]))
    model.load_state_dict(last_weights(checkpoint.load(needs["policy"])[0]))
    number, parallel = settings["sessions"], min(settings["parallel"], settings["sessions"])
    users = shop.open("train", settings["environment"], parallel, seed, device)
    choose = partial(model.to(device).eval().act, choose="drawn")
    rows = gathered(model, users, shop.sentences.to(device), choose, number, seed)
    names = pl.Series(model.names, dtype=pl.String)
    rows = rows.with_columns(names.gather(rows["place"] % len(names)).alias(POLICY)).drop("place")
    write(rows, output, shop)


def write(rows: pl.DataFrame, output: Path, shop: Shop) -> None:
    """Write the table, and a record with its hash and what its policies brought."""
    returns = rows.group_by("session", POLICY).agg(pl.col("reward").sum(), turns=pl.len())
    by = returns.group_by(POLICY).agg(
        sessions=pl.len(), turns=pl.col("turns").mean(), reward=pl.col("reward").mean()
    )
    record = {
        "hash": content_hash({"experience": rows}, pl.DataFrame({"taken": shop.taken.tolist()})),
        "sessions": returns.height,
        "turns": rows.height,
        "policies": by.sort(POLICY).to_dicts(),
    }
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(output / TABLE)
        write_json(output / RECORD, record)


def gathered(
    model: nn.Module,
    users: Shoppers,
    sentences: Tensor,
    choose: Any,
    number: int,
    seed: int,
) -> pl.DataFrame:
    """Serve users until enough sessions are over; those that began first count.

    Args:
        model: whose tracker follows the sessions.
        users: sessions that run side by side.
        sentences: the book, as the model hears it.
        choose: actions by states and a `generator`.
        number: of sessions.
        seed: of all draws.

    Returns:
        The columns of a log, and `place`, which of the sessions side by side it was.
    """
    generator, seat = torch.Generator().manual_seed(seed), Seat(model, users, sentences)
    users.reset()
    parallel, turns = users.sessions, []
    # As many in each place: quick policies must not have more sessions than slow ones.
    each = -(-number // parallel)
    served = torch.zeros(parallel, dtype=torch.long)
    while int(served.min()) < each:
        turn = users.turn.cpu()
        action, heard, reward, over, _ = seat.turn(partial(choose, generator=generator))
        place = torch.arange(parallel)
        session = served * parallel + place
        here = (served < each) & (session < number)
        columns = {"session": session, "turn": turn, "item": heard.item.cpu(), "place": place}
        columns |= {"sentence": heard.sentence.cpu(), "reward": reward.cpu(), "ends": over.cpu()}
        rows = {name: one[here].numpy() for name, one in columns.items()}
        rows["action"] = action.cpu()[here].numpy().astype(np.int16)
        turns.append(rows)
        served += over.cpu()
    joined = {name: np.concatenate([one[name] for one in turns]) for name in turns[0]}
    action = pl.Series("action", joined.pop("action")).cast(COLUMNS["action"])
    table = pl.DataFrame(joined).with_columns(action).sort("session", "turn")
    return table.select(
        *(pl.col(name).cast(dtype) for name, dtype in COLUMNS.items()), pl.col("place")
    )


class Log:
    """Sessions to learn from, as numbers of items and sentences.

    Args:
        table: `COLUMNS`, in the order of sessions and turns.
        attributes: of an action.
    """

    def __init__(self, table: pl.DataFrame, attributes: int):
        lengths = table.group_by("session", maintain_order=True).len()["len"].to_numpy()
        self.length = torch.from_numpy(lengths.astype(np.int64))
        self.start = self.length.cumsum(0) - self.length
        columns = {"item": np.int64, "sentence": np.int64, "reward": np.float32, "ends": np.bool_}
        parts = {name: table[name].to_numpy().astype(kind) for name, kind in columns.items()}
        self.parts = {name: torch.from_numpy(one) for name, one in parts.items()}
        flat = table["action"].explode().to_numpy().astype(np.int64)
        self.parts["action"] = torch.from_numpy(flat).view(-1, attributes)

    @classmethod
    def read(cls, folder: Path, attributes: int) -> "Log":
        """Read a log, but for who collected it.

        Raises:
            ValueError: it has no session.
        """
        table = pl.read_parquet(folder / TABLE, columns=list(COLUMNS))
        if table.is_empty():
            raise ValueError(f"{folder}: the log is empty; collect at least one session")
        return cls(table, attributes)

    def __len__(self) -> int:
        return len(self.length)

    def joined(self, other: "Log") -> "Log":
        """Put other sessions behind these."""
        found = Log.__new__(Log)
        found.length = torch.cat([self.length, other.length])
        found.start = found.length.cumsum(0) - found.length
        found.parts = {
            name: torch.cat([one, other.parts[name]]) for name, one in self.parts.items()
        }
        return found

    def dealt(self, generator: torch.Generator, centred: bool) -> "Log":
        """Copy the log with its rewards dealt to other turns.

        Args:
            generator: of the order.
            centred: whether their mean is taken off. Where every turn costs, and sessions end where they did, rewards
                that are only dealt still say that short sessions are good.
        """
        found = copy.copy(self)
        reward = self.parts["reward"]
        order = torch.randperm(len(reward), generator=generator)
        found.parts = self.parts | {"reward": reward[order] - reward.mean() * centred}
        return found

    def pieces(
        self, rows: Tensor, size: int, vectors: Tensor, sentences: Tensor
    ) -> Iterator[Sessions]:
        """Take sessions some at a time, all padded to the longest of them, see `take`."""
        longest = int(self.length[rows].max())
        return (self.take(some, vectors, sentences, longest) for some in rows.split(size))

    def take(
        self, rows: Tensor, vectors: Tensor, sentences: Tensor, turns: int | None = None
    ) -> Sessions:
        """Put some sessions side by side, with what is seen and heard in them.

        Args:
            rows: which sessions.
            vectors: what is seen of every item.
            sentences: every sentence as it is heard.
            turns: to which sessions are padded; the length of the longest one if None.
        """
        length = self.length[rows]
        time = torch.arange(turns or int(length.max()))
        real = time < length[:, None]
        place = (self.start[rows][:, None] + time).where(real, 0)
        found = {name: one[place].to(vectors.device) for name, one in self.parts.items()}
        real = real.to(vectors.device)
        seen, heard = vectors[found["item"]], sentences[found["sentence"]]
        ends = found["ends"] & real
        return Sessions(seen, heard, found["action"], found["reward"] * real, ends, real)
