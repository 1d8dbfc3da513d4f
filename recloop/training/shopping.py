"""Sessions with simulated users: recommenders act in many at once, are judged, and learn from their own turns."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build, locate
from recloop.models.offline.learner import Learner, Sessions, returns_of
from recloop.simulators.shoppers import Shoppers
from recloop.storage import checkpoint
from recloop.storage.files import replacing
from recloop.training.seat import Seat, gather, last_weights
from recloop.training.shop import Shop, open_shop

TEST_SEED = 1  # of targets, comments and draws when recommenders are judged: the same for all
SAVED = Metric("valid_ndcg10", "turns saved")  # the one column of curves
AGES = (
    0.0,
    0.1,
    0.25,
    0.5,
)  # shares of a training after which weights are kept beside the last ones


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `dialogues`, `catalogue` and `features`.
        settings: `model`, `training`, `environment` (the users to learn with) and `played_in` (those to be judged by).
        needs: weights of `perception` and `speaker`.
        device: cpu or cuda.
    """
    shop = open_shop(data, settings["environment"], needs)
    world = partial(shop.open, "train", settings["environment"], device=device)
    sentences = shop.heard_by(locate(settings["model"]["class"]))
    start = checkpoint.load(needs["policy"])[0] if "policy" in needs else None
    given = (settings["environment"], settings["training"]["validated"], TEST_SEED, device)
    return {
        "make": maker(settings, shop),
        "world": world,
        "valid": partial(shop.open, "valid", *given),
        "sentences": sentences,
        "start": start,
    }


def maker(settings: dict, shop: Shop) -> Callable[[], nn.Module]:
    """Return a function that makes the recommender of some settings."""
    return partial(build, settings["model"], **shop.facts(settings["model"]["class"]))


def train(
    make: Callable[[], Learner],
    world: Callable[..., Shoppers],
    valid: Callable[[], Shoppers],
    sentences: Float[Tensor, "sentence words"],
    start: dict[str, Tensor] | None,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Let a recommender learn from its own turns; what learns nothing is given back as it is.

    Returns:
        The last weights, with those of earlier ages under `age0/`, `age1/` and so on; facts for the record.
    """
    torch.manual_seed(context.seed)
    model = make().to(context.device)
    if model.learns_from != "turns":
        if start is not None:
            model.begin(start, context.seed)
        return model.state_dict() | {"fixed": torch.zeros(1)}, run_facts()
    users, sentences = (
        world(sessions=training["parallel"], seed=context.seed),
        sentences.to(context.device),
    )
    model.calibrate(
        first_returns(model, world(sessions=training["parallel"], seed=context.seed), sentences)
    )
    online = Online(model, users, valid(), sentences, training, context)
    trainer = Trainer(online, context)
    trainer.fit()
    weights, done = online.copy(), trainer.progress
    facts = run_facts(done.curve, trainer.epoch) | {"played": online.noted()}
    return weights | checkpoint.join(online.ages), facts


@torch.no_grad()
def first_returns(
    model: Learner, users: Shoppers, sentences: Float[Tensor, "sentence words"]
) -> Float[Tensor, " turn"]:
    """Look at the returns of sessions that an untrained recommender serves."""
    seat, generator = Seat(model, users, sentences), torch.Generator().manual_seed(TEST_SEED)
    users.reset()
    choose = partial(model.act, generator=generator, choose="drawn")
    turns = []
    for _ in range(users.cap):
        action, heard, reward, over, _ = seat.turn(choose)
        turns.append(Sessions(*seat.inputs(heard), action, reward, over, torch.ones_like(over)))
    return returns_of(gather(turns), model.discount)


class Online(Objective):
    """Act for some turns in all sessions and learn from them.

    Args:
        model: the recommender.
        users: the sessions.
        valid: sessions that say whether it is trained out; the last weights are kept, whatever they say.
        sentences: the book, encoded.
        training: `parallel` sessions, `rows` of turns between two updates, `epoch_turns` over all sessions,
            `taught` updates in which it is told the target's values.
        context: of the training.
    """

    metric = SAVED

    def __init__(
        self,
        model: Learner,
        users: Shoppers,
        valid: Shoppers,
        sentences: Float[Tensor, "sentence words"],
        training: dict,
        context: TrainingContext,
    ):
        self.model, self.users, self.context = model, users, context
        self.rows, self.taught = training["rows"], training["taught"]
        self.goals = users.shelf.taken
        self.length = max(1, training["epoch_turns"] // (training["parallel"] * self.rows))
        self.schedule = Schedule.of(training, learning_rate=training["learning_rate"][0])
        self.generator = torch.Generator().manual_seed(context.seed)
        self.seat = Seat(model, users, sentences)
        self.valid, self.sentences = valid, sentences
        users.reset()
        self.updates, self.sums = 0, torch.zeros(users.sessions, 2, dtype=torch.float64)
        self.played = torch.zeros(0, 3, dtype=torch.float64)
        self.ages: dict[str, dict[str, Tensor]] = {}

    @property
    def last(self) -> int:
        """Count all updates."""
        return self.length * self.schedule.epochs

    def batches(self, epoch: int, skip: int) -> Iterator[tuple[Sessions, Tensor, Tensor]]:
        """Act with the weights of the moment; give the turns, the states before them and what was looked for."""
        for _ in range(skip, self.length):
            self.age()
            self.model.eval()
            start, turns, goals = self.seat.state, [], []
            for _ in range(self.rows):
                goals.append(self.goals[self.users.target])
                turns.append(self.act())
            yield gather(turns), start, torch.stack(goals, dim=1)

    def age(self) -> None:
        """Keep the weights of the ages."""
        for number, share in enumerate(AGES):
            if self.updates == round(share * self.last):
                self.ages[f"age{number}"] = self.copy()

    def copy(self) -> dict[str, Tensor]:
        """Copy the weights."""
        return {name: one.detach().cpu().clone() for name, one in self.model.state_dict().items()}

    def evaluate(self) -> float:
        """Serve validation users."""
        return turns_saved(self.model, self.valid, self.sentences, "drawn")

    def act(self) -> Sessions:
        """Take a turn in every session."""
        choose = partial(self.model.act, generator=self.generator, choose="drawn")
        action, heard, reward, over, _ = self.seat.turn(choose)
        self.note(reward, over)
        return Sessions(*self.seat.inputs(heard), action, reward, over, torch.ones_like(over))

    def note(self, reward: Tensor, over: Tensor) -> None:
        """Add up rewards and turns, and write down the sessions that are over."""
        self.sums += torch.stack([reward, torch.ones_like(reward)], dim=1).double().cpu()
        ended = self.sums[over.cpu()]
        turns = torch.full((len(ended), 1), float(self.updates * self.rows * len(over)))
        self.played = torch.cat([self.played, torch.cat([turns.double(), ended], dim=1)])
        self.sums = self.sums.masked_fill(over.cpu()[:, None], 0.0)

    def noted(self) -> dict[str, list[float]]:
        """Give what the sessions of the training brought: turns until then, return and length."""
        return dict(zip(("steps", "return", "length"), self.played.T.tolist(), strict=True))

    def loss(self, batch: tuple[Sessions, Tensor, Tensor]) -> Float[Tensor, ""]:
        """Compute the loss of turns: at first it is taught what was looked for, then it learns from rewards."""
        turns, start, goals = batch
        if self.updates < self.taught:
            return self.model.taught(turns, start, goals)
        return self.model.loss(turns, start)

    def phase(self, update: int) -> int:
        """Begin anew where it is no longer told what was looked for."""
        return int(update >= self.taught)

    def optimisers(self, phase: int) -> dict[str, Optimizer]:
        """Learn from rewards at a rate of its own."""
        rates = (self.schedule.learning_rate, self.schedule.second_rate)
        parameters = [one for one in self.model.parameters() if one.requires_grad]
        return {"all": torch.optim.Adam(parameters, lr=rates[phase], fused=True)}

    def after_update(self) -> None:
        """Count, and let the recommender follow up."""
        self.updates += 1
        self.model.after_update()

    def state(self) -> dict[str, Tensor]:
        """Return sessions, what was played and the weights of earlier ages."""
        own = {"generator": self.generator.get_state(), "sums": self.sums, "played": self.played}
        own |= {"updates": torch.tensor(self.updates), "states": self.seat.state}
        return checkpoint.join({"users": self.users.state(), "own": own} | self.ages)

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from there."""
        self.users.load_state(checkpoint.below(tensors, "users"))
        own = checkpoint.below(tensors, "own")
        self.generator.set_state(own["generator"])
        self.sums, self.played, self.updates = own["sums"], own["played"], int(own["updates"])
        self.seat.state = own["states"].to(self.context.device)
        names = {name.partition("/")[0] for name in tensors} - {"users", "own"}
        self.ages = {name: checkpoint.below(tensors, name) for name in sorted(names)}


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Let users of the test part be served; keep every turn.

    Args:
        data, settings, needs, device: as for `prepare`; `inference` has `judged_on`, the part, `sessions`, how many,
            and `choose`, how recommenders choose.
        tensors: the weights.
        output: parquet file, one row per turn, see `TURN`.
    """
    asked, users = settings["inference"], settings["played_in"]
    shop = open_shop(data, users, needs)
    model = maker(settings, shop)()
    model.load_state_dict(last_weights(tensors))
    sessions = shop.open(asked["judged_on"], users, asked["sessions"], TEST_SEED, device)
    model = model.to(device).eval()
    rows = play(model, sessions, shop.heard_by(model).to(device), asked["choose"])
    return write_turns(output, rows.with_columns(critique=said(shop, rows["sentence"])))


TURN = {
    "session": pl.Int64,
    "position": pl.Int32,
    "target": pl.Int32,
    "item": pl.Int32,
    "action": pl.List(pl.Int16),
    "sentence": pl.Int32,
    "critique": pl.String,
    "reward": pl.Float32,
    "violated": pl.Int16,
    "solved": pl.Boolean,
}


def play(
    model: Learner, users: Shoppers, sentences: Float[Tensor, "sentence words"], choose: str
) -> pl.DataFrame:
    """Serve one user in every session to the end; list the turns in the order of time."""
    generator = torch.Generator().manual_seed(TEST_SEED)
    users.reset()
    seat = Seat(model, users, sentences)
    alive, target, found = torch.ones_like(users.wanted[:, 0]), users.target, []
    for position in range(1, users.cap + 1):
        action, heard, reward, over, info = seat.turn(
            partial(model.act, generator=generator, choose=choose)
        )
        columns = {"session": users.everyone, "target": target, "item": heard.item}
        columns |= {"sentence": heard.sentence, "reward": reward, "solved": info["content"]}
        columns |= {"violated": info["violated"]}
        here = alive.cpu()
        rows = {name: one.cpu()[here].numpy() for name, one in columns.items()}
        rows |= {"action": action.cpu()[here].tolist(), "position": position}
        found.append(pl.DataFrame(rows, schema_overrides={"action": pl.List(pl.Int16)}))
        alive &= ~over
        if not alive.any():
            break
    return pl.concat(found)


def turns_saved(
    model: Learner, users: Shoppers, sentences: Float[Tensor, "sentence words"], choose: str
) -> float:
    """Measure which share of their turns validation users are spared: 0 where nobody is ever content."""
    users.reset(seed=TEST_SEED)
    lengths = play(model, users, sentences, choose).group_by("session").len()["len"]
    return 1 - float(lengths.mean()) / users.cap


def said(shop: Shop, sentences: pl.Series) -> pl.Series:
    """Write out comments; nothing where the user was content."""
    return pl.Series([*shop.book.sentences, None], dtype=pl.String).gather(sentences)


def write_turns(output: Path, rows: pl.DataFrame) -> None:
    """Write turns in the order of sessions and time."""
    typed = rows.select(pl.col(name).cast(dtype) for name, dtype in TURN.items())
    with replacing(output) as draft:
        typed.sort("session", "position").write_parquet(draft)


class Discounted(NamedTuple):
    """Sums over a session, each turn discounted; means over sessions.

    Attributes:
        worth: of the rewards.
        error: its standard error.
        turns: of the turns.
    """

    worth: float
    error: float
    turns: float


def discounted(
    model: Learner,
    users: Shoppers,
    sentences: Float[Tensor, "sentence words"],
    choose: str,
    discount: float,
) -> Discounted:
    """Measure what a recommender brings in the simulator."""
    weight: Any = discount ** (pl.col("position") - 1)
    sums = [(pl.col("reward") * weight).sum(), weight.sum().alias("turns")]
    rows = play(model, users, sentences, choose).group_by("session").agg(*sums)
    error = float(rows["reward"].std() / len(rows) ** 0.5)
    return Discounted(float(rows["reward"].mean()), error, float(rows["turns"].mean()))
