"""Logged sessions and an environment's answers to a recommender (thesis, chapter 6, Algorithm 4): as `supervised`."""

from collections.abc import Callable
from pathlib import Path

from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch, Events, Sessions, cut
from recloop.data.feedback import Feedback, read_answers
from recloop.fitting.context import TrainingContext
from recloop.storage import checkpoint
from recloop.storage.settings import SettingsError
from recloop.training import sequences
from recloop.training.sequences import data_facts, maker, read_part
from recloop.training.supervised import NextItems, fit_sessions

PLAIN = {
    (None, None),
    ("constant", "hidden"),
}  # reward and state of a model that asks no environment
__all__ = ["prepare", "rank", "train"]


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, the folder of a split, and `feedback`, what an environment said of its training part.
        settings: `model`, `training` and `inference`, as resolved from the study.
        needs: `choices`, weights of the run that asked for positive actions, where there is one.
        device: cpu or cuda.
    """
    answers = read_answers(data["feedback"]) if "feedback" in data else {}
    choices = checkpoint.load(needs["choices"])[0] if "choices" in needs else {}
    check(settings["model"], answers, choices)
    facts = data_facts(data["sessions"], settings, needs) | width_of(answers)
    parts = {part: read_part(data["sessions"], part, False) for part in ("train", "valid")}
    return {
        "make": maker(settings, facts),
        "parts": parts,
        "items": facts["items"],
        "answers": answers,
        "choices": choices,
    }


def check(model: dict, answers: dict[str, Tensor], choices: dict[str, Tensor]) -> None:
    """Stop where a model asks for what no environment has said.

    Raises:
        SettingsError: it lacks answers or choices.
    """
    weights = ("supervised_weight", "value_weight")
    if not choices and any(model.get(name) for name in weights):
        raise SettingsError(
            f"{model['class']}: chosen actions count, but nothing was chosen; say `needs: {{choices: …}}`"
        )
    rewarded = model.get("reward") == "environment" and any(model.get(name) for name in weights)
    if rewarded and "chosen_rewards" not in choices:
        raise SettingsError(
            f"{model['class']}: chosen actions are rewarded by the environment, but it did not choose them; say "
            "chosen_by: environment, or reward: constant"
        )
    asks = (model.get("reward"), model.get("state")) not in PLAIN
    if not answers and (asks or model.get("refused_of") == "asked"):
        raise SettingsError(
            f"{model['class']}: rewards, states or negatives are the environment's, but it was not asked"
        )


def width_of(answers: dict[str, Tensor]) -> dict:
    """Say how wide the states of the environment are."""
    return {"state_dim": answers["states"].shape[1]} if answers else {}


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sessions],
    items: int,
    answers: dict[str, Tensor],
    choices: dict[str, Tensor],
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it.

    Args:
        make, parts, items, training, context: as for `recloop.training.supervised.train`.
        answers, choices: of the environment, see `recloop.data.feedback.Feedback`.
    """
    windows = cut(parts["train"], training["length"], items)
    events = Events.of(parts["valid"], training["length"], items)
    events = events.sample(training["validation_events"], seed=0)
    feedback = Feedback(windows, items, answers, choices, training["scale"])

    def objective(**given) -> AnsweredItems:
        return AnsweredItems(windows=windows, events=events, feedback=feedback, **given)

    return fit_sessions(make, objective, training, context)


class AnsweredItems(NextItems):
    """The next item at every step of shuffled windows, with what an environment said of it.

    Args:
        feedback: the answers.
        windows: they are about.
        Others: as `NextItems`.
    """

    def __init__(self, feedback: Feedback, windows: Batch, **given):
        super().__init__(windows=windows, **given)
        self.feedback = feedback

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Let the model compute the loss of some windows."""
        return self.model.loss(self.feedback.take(batch, self.context.device))


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the whole catalogue for every test event by the host alone; the environment is not asked (S6.3.4)."""
    host = {"class": "sequential.next_item.NextItem", "backbone": settings["model"]["backbone"]}
    plain = settings | {"model": host, "inference": {"judged_on": sequences.judged_on(settings)}}
    return sequences.rank(data, host_of(tensors), plain, needs, output, top_k, device)


def host_of(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take the host and its ranking head out of the weights: of the network that ranks, where there are two."""
    if "rank.weight" in tensors:
        return tensors
    own = "networks.0."
    kept = {name.removeprefix(own): one for name, one in tensors.items() if name.startswith(own)}
    return {name: one for name, one in kept.items() if name.startswith(("backbone.", "rank."))}
