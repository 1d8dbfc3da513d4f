"""Posed dialogues to weights: simulated conversations, supervised first and then on a model's own lists.

Stages of GOMMIR (RecSys 2023, S4.2) and PMMIR (TORS 2024, S4.2): `pretrain` shows random items and pulls states to the
target; `joint` starts from those weights and learns from the lists that the model itself makes; `improve` is Guo et
al.'s model-based policy improvement (NeurIPS 2018); `none` keeps what other runs have learned.
"""

import json
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.data.attributes import many_hot, read_attributes
from recloop.data.pools import World, read_part
from recloop.fitting.context import TrainingContext
from recloop.fitting.finite import check_finite
from recloop.fitting.progress import NDCG, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.tuning import fit_tuned
from recloop.models import build
from recloop.models.dialogue.dialogue import DialogueModel
from recloop.simulators import Simulator, open_simulator
from recloop.simulators.critique_encoder import CritiqueEncoder
from recloop.simulators.environment import Environment
from recloop.simulators.rollout import ask, write
from recloop.simulators.sentences import Sentences
from recloop.simulators.utterances import Utterances
from recloop.storage import checkpoint
from recloop.training.conversations import Conversations, judge, num_lists

STAGES = ("pretrain", "joint", "improve", "none")


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `dialogues`, `catalogue` and `features`; `encoder`, `simulator` and `grid` where they exist.
        settings: `model`, `training` and `dialogue` as resolved from the study, and what `encoder` and `user` are.
        needs: weights of other runs: `start`, or `first` and `then`.
        device: cpu or cuda.
    """
    features = open_features(data).to(device)
    chosen_on = settings["training"].get("validate_on", "valid")
    worlds = {
        "train": read_part(data["dialogues"], "train", features),
        "valid": read_part(data["dialogues"], chosen_on, features),
    }
    return {
        "make": maker(settings, needs, features),
        "worlds": worlds,
        "critique_encoder": open_critique_encoder(data, settings, features.shape[1], device),
        "dialogue": settings["dialogue"],
    }


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Hold every test dialogue and keep what was shown, said and ranked.

    Args:
        data, settings, needs, device: as for `prepare`; the user may be another than in training.
        tensors: the weights.
        output: parquet file, see `recloop.simulators.rollout.write`.
    """
    features, dialogue = open_features(data).to(device), settings["dialogue"]
    parts = {role: path for role, path in needs.items() if role != "start"}
    model = maker(settings, parts, features)()
    model.load_state_dict(tensors)
    world = read_part(data["dialogues"], "test", features)
    critique_encoder = open_critique_encoder(data, settings, features.shape[1], device)
    environment = asking(data, settings, world, critique_encoder)
    transcript = ask(model.to(device), world, environment, dialogue["shown"])
    write(transcript, world, dialogue["first_turn"], critique_encoder.sentences, output)
    save(critique_encoder)


def asking(
    data: dict[str, Path], settings: dict, world: World, critique_encoder: CritiqueEncoder
) -> Environment:
    """Let the users of the test part in, who may like otherwise than those of the training.

    Args:
        data, settings: as for `prepare`; `inference` has `likes_by`, null for the `likes` of the training, and
            `likes_noise`, see `Environment`.
        world: the test part.
        critique_encoder: what they say.
    """
    dialogue, inference = settings["dialogue"], settings["inference"]
    likes, attributes = inference["likes_by"] or dialogue["likes"], None
    if likes == "attributes":
        ids = world.pool.ids
        attributes = many_hot(read_attributes(data["catalogue"])).to(ids.device)[ids]
    given = (world.pool, critique_encoder, num_lists(dialogue), likes)
    return Environment(*given, noise=inference["likes_noise"], attributes=attributes)


def open_features(data: dict[str, Path]) -> Float[Tensor, "every features"]:
    """Read the features of the whole catalogue, if they are of this catalogue."""
    from recloop.features.cache import Features

    catalogue = json.loads((data["catalogue"] / "catalogue.json").read_text())
    return Features.open(data["features"], data=catalogue["hash"]).tensor()


def open_critique_encoder(
    data: dict[str, Path], settings: dict, dim: int, device: str
) -> CritiqueEncoder:
    """Open the simulated user and the encoder of what it says."""
    described = json.dumps([settings["encoder"], settings["user"]])
    folders = tuple(sorted((role, path) for role, path in data.items()))
    return opened_critique_encoder(described, folders, dim, device)


@lru_cache(maxsize=4)
def opened_critique_encoder(
    described: str, folders: tuple[tuple[str, Path], ...], dim: int, device: str
) -> CritiqueEncoder:
    """Open a user once for all runs of a job: a pair of items gets the same sentence in each of them."""
    from recloop.features import open_encoder

    (encoder, user), data = json.loads(described), dict(folders)
    folder = data["features"]
    texts = Sentences(
        folder.with_name(f"{folder.name}-sentences.parquet"),
        lambda: open_encoder(encoder, data.get("encoder"), device),
        dim,
    )
    opened = partial(
        open_simulator,
        user,
        data.get("simulator"),
        data["dialogues"],
        data["catalogue"],
        data.get("grid"),
        device,
    )
    return CritiqueEncoder(remembered(data, opened), texts, dim, device)


def remembered(data: dict[str, Path], opened: Callable[[], Simulator]) -> Simulator:
    """Keep what a trained user said, under the names of its folder and of the pictures; others are quick."""
    trained, grid = data.get("simulator"), data.get("grid")
    if not (trained and grid):
        return opened()
    return Utterances(
        trained.with_name(f"{trained.name}-{grid.parent.name}-{grid.name}-said.parquet"), opened
    )


def save(critique_encoder: CritiqueEncoder) -> None:
    """Keep for other jobs what was said and how it was encoded."""
    for memory in (critique_encoder.texts, critique_encoder.simulator):
        if isinstance(memory, Sentences | Utterances):
            memory.save()


def maker(
    settings: dict, needs: dict[str, Path], features: Float[Tensor, "every features"]
) -> Callable[[], nn.Module]:
    """Give a function that makes the model, with the weights of the runs that it starts from or is made of."""
    dialogue, described = settings["dialogue"], dict(settings["model"])
    tensors = {}
    for role, path in needs.items():
        weights, made = checkpoint.load(path)
        prefix = "" if role == "start" else f"{role}."
        tensors |= {f"{prefix}{name}": tensor for name, tensor in weights.items()}
        described |= {} if role == "start" else {role: made["settings"]["model"]}
    facts = {"features": features.shape[1], "items": len(features), "shown": dialogue["shown"]}
    facts["turns"] = num_lists(dialogue)

    def make() -> nn.Module:
        model = build(described, **facts)
        if tensors:
            start(model, tensors)
        return model

    return make


def start(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give a model the weights it starts from; a part that they lack and pretraining does not reach stays as drawn."""
    asleep = tuple(f"{part}." for part in model.frozen.get("pretrain", ()))
    drawn = {name: one for name, one in model.state_dict().items() if name.startswith(asleep)}
    model.load_state_dict(drawn | tensors)


def train(
    make: Callable[[], DialogueModel],
    worlds: dict[str, World],
    critique_encoder: CritiqueEncoder,
    dialogue: dict,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part if there are several, then train with it.

    Args:
        make, worlds, critique_encoder, dialogue: see `prepare`.
        training: settings of the loop, see a study's `training`.
        context: seed of weights, batches, lists and negatives; folder for checkpoints; device; log.

    Returns:
        The weights of the best epoch and the facts for the record.

    Raises:
        ValueError: an unknown stage.
    """
    if training["stage"] not in STAGES:
        raise ValueError(
            f"training.stage={training['stage']!r}: expected one of {', '.join(STAGES)}"
        )
    worlds = worlds | {"valid": sample(worlds["valid"], training.get("max_validation"))}
    if training["stage"] == "none":
        return keep(make, worlds, critique_encoder, dialogue, context)

    def begin(schedule: Schedule, moment: TrainingContext) -> Conversations:
        model = make().to(moment.device)
        return Conversations(model, worlds, critique_encoder, dialogue, training, schedule, moment)

    weights, facts, trained = fit_tuned(begin, training, context, NDCG)
    save(critique_encoder)
    held = trained.per_second(len(worlds["train"].requests))
    return weights, facts | {"dialogues_per_second": held}


def keep(
    make: Callable[[], DialogueModel],
    worlds: dict[str, World],
    critique_encoder: CritiqueEncoder,
    dialogue: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Judge a model that is made of trained ones and give its weights as they are."""
    model = make().to(context.device)
    environment = Environment(
        worlds["valid"].pool, critique_encoder, num_lists(dialogue), dialogue["likes"]
    )
    score = judge(model, worlds["valid"], environment, dialogue)
    check_finite(score, f"{context.name}: the validation score {NDCG.label}")
    return model.state_dict(), run_facts() | {NDCG.column: score}


def sample(world: World, most: int | None) -> World:
    """Keep at most so many dialogues of a part, always the same ones."""
    if most is None or len(world.requests) <= most:
        return world
    order = torch.randperm(len(world.requests), generator=torch.Generator().manual_seed(0))
    rows = order[:most].sort().values
    kept = world.rows[rows.numpy()]
    return World(world.pool, world.requests.take(rows), world.catalogue, kept)
