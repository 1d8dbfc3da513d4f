"""Off-policy evaluation: what policies bring, estimated from the log, beside what they bring in the simulator."""

from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from recloop.fitting.context import TrainingContext
from recloop.fitting.progress import run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.models.offline.estimators import Judged
from recloop.models.offline.learner import Sessions, returns_of
from recloop.storage import checkpoint
from recloop.training import shopping
from recloop.training.experience import Log
from recloop.training.logged import SAMPLE, FromLog
from recloop.training.seat import last_weights
from recloop.training.shop import Shop, open_shop

PARTS = ("perception", "speaker")  # needs that are no policies


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `dialogues`, `catalogue`, `features` and `experience`.
        settings: `model`, the estimator, `training` and `environment`.
        needs: weights of `perception` and `speaker`, and of the policies that are judged.
        device: cpu or cuda.
    """
    shop = open_shop(data, settings["environment"], needs)
    return {
        "make": shopping.maker(settings, shop),
        "shop": shop,
        "log": Log.read(data["experience"], len(shop.codes.names)),
        "policies": {name: path for name, path in needs.items() if name not in PARTS},
        "users": partial(shop.open, "train", settings["environment"], device=device),
    }


def train(
    make: Any,
    shop: Shop,
    log: Log,
    policies: dict[str, Path],
    users: Any,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Estimate the return of every policy, and measure it.

    Returns:
        No weights but a mark; facts with the `estimates`: policy, estimate, truth and the truth's standard error, all
        discounted returns of a session; `ratio`, the mean weight of a logged turn, where the estimator has weights;
        `true_ratio`, what it should be: discounted turns of the policy over the turns of a logged session.
    """
    rows, number = [], training["truth_sessions"]
    logged = float(log.length.float().mean())
    for place, (name, weights) in enumerate(sorted(policies.items())):
        torch.manual_seed(context.seed)
        judged = opened(weights, shop).to(context.device)
        model = make().to(context.device)
        one = Estimating(model, judged, shop, log, training, context)
        model.load_state_dict(Trainer(one, alone(context, name)).fit())
        model.eval()
        simulated = users(sessions=number, seed=context.seed)
        sentences = shop.heard_by(judged.policy).to(context.device)
        true = shopping.discounted(
            judged.policy, simulated, sentences, judged.choose, model.discount
        )
        found = {"policy": name} | one.estimate()
        found |= {"truth": true.worth, "error": true.error, "true_ratio": true.turns / logged}
        rows.append(found)
        context.log(f"{place + 1} of {len(policies)}: {found}")
    return {"fixed": torch.zeros(1)}, run_facts(epochs=training["epochs"]) | {"estimates": rows}


def alone(context: TrainingContext, name: str) -> TrainingContext:
    """Give each estimate a checkpoint of its own."""
    folder = context.checkpoint_dir and context.checkpoint_dir / name
    return TrainingContext(context.seed, folder, context.device, lambda line: None, name)


def opened(weights: Path, shop: Shop) -> Judged:
    """Open a trained policy, with the way in which it chooses."""
    tensors, made = checkpoint.load(weights)
    settings = made["settings"]
    policy = build(settings["model"], **shop.facts(settings["model"]["class"]))
    policy.load_state_dict(last_weights(tensors))
    return Judged(policy.eval(), settings["inference"]["choose"])


class Estimating(FromLog):
    """Sessions drawn from the log; the estimator learns about one policy.

    Args:
        model: the estimator.
        judged: the policy.
        shop: what is seen and heard.
        log: of sessions.
        training: of the loop, see `recloop.training.logged`.
        context: of the training.
    """

    def __init__(
        self,
        model: Any,
        judged: Judged,
        shop: Shop,
        log: Log,
        training: dict,
        context: TrainingContext,
    ):
        self.model, self.judged, self.log, self.context = model, judged, log, context
        self.schedule = Schedule.of(training, learning_rate=training["learning_rate"][0])
        self.length = training["epoch_updates"]
        self.vectors = shop.vectors.to(context.device)
        self.sentences = shop.sentences.to(context.device)
        order = torch.randperm(len(log), generator=context.generator(-2))
        self.asked = order[: training["asked_sessions"]]
        model.calibrate(returns_of(self.take(order[:SAMPLE]), model.discount))

    def loss(self, batch: Sessions) -> Float[Tensor, ""]:
        """Let the estimator compute the loss."""
        return self.model.estimation_loss(batch, self.judged)

    def after_update(self) -> None:
        """Let the estimator follow up."""
        self.model.after_update()

    def estimate(self) -> dict[str, float]:
        """Ask the estimator about sessions of the log."""
        pieces = self.log.pieces(self.asked, SAMPLE, self.vectors, self.sentences)
        return self.model.estimate(pieces, self.judged)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Write no turns: an estimator recommends nothing."""
    shopping.write_turns(output, pl.DataFrame(schema=shopping.TURN))
