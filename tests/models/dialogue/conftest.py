"""A dialogue about random items: lists are drawn, what is liked is the shown item nearest to the target."""

import pytest
import torch

FEATURES, DIM, ITEMS, SHOWN, TURNS = 10, 8, 30, 3, 4
SIZE = {"layers": 2, "heads": 2, "feed_forward": 12}
SMALL = {"dim": DIM, "tracker": {"class": "dialogue.tracker.TransformerTracker"} | SIZE}
POLICY = {"class": "dialogue.reinforce.Reinforce"}
IN_POLICY = ("discount", "negatives", "reward", "raw_reward", "disliked_reward", "placebo")
IN_POLICY += ("num_negatives", "current_dislikes", "temperature", "returns")
IN_TRACKER = ("doubled_frequency", "scaled_tokens", "biases", "start_tanh")
TRACKERS = {
    "gru": {"class": "dialogue.hierarchy.GRUs"},
    "transformer": {"class": "dialogue.hierarchy.Transformers"} | SIZE,
}

CLASSES = {
    "ir_img": {"class": "dialogue.ir.IR", "modality": "img", **SMALL},
    "ir_txt": {"class": "dialogue.ir.IR", "modality": "txt", **SMALL},
    "mmt": {"class": "dialogue.mmt.MMT", **SMALL},
    "mmran": {"class": "dialogue.mmran.MMRAN", **SMALL},
    "tirg": {"class": "dialogue.tirg.TIRG", "dim": DIM},
    "clip4cir": {"class": "dialogue.clip4cir.CLIP4Cir", "dim": DIM},
    "dm": {"class": "dialogue.dm.DM", "dim": DIM},
    "ege": {"class": "dialogue.ege.EGE", "dim": DIM},
    "ege_unit": {"class": "dialogue.ege.EGE", "dim": DIM, "space": "unit"},
    "deers": {"class": "dialogue.deers.DEERS", "dim": DIM},
    "gommir": {"class": "dialogue.gommir.GOMMIR", **SMALL},
    "gommir_without_psi": {
        "class": "dialogue.gommir.GOMMIR",
        "composition": "none",
        **SMALL,
    },
}
for tracker, described in TRACKERS.items():
    base = {"class": "dialogue.pmmir.PMMIR", "dim": DIM, "tracker": described}
    CLASSES |= {
        f"pmmir_{tracker}": base,
        f"{tracker}_hist": base | {"feedback": False},
        f"{tracker}_img_txt": base | {"history": False},
        f"{tracker}_all": base | {"hierarchical": False},
        f"pmmir_{tracker}_random": base | {"start": "random"},
        f"pmmir_{tracker}_linear": base | {"linear": True},
    }
JOINT = [name for name in CLASSES if name.split("_")[0] in ("ege", "deers", "gommir", "pmmir")]
JOINT += [name for name in CLASSES if name.startswith(("gru", "transformer"))]


def pytest_generate_tests(metafunc):
    """Run a test that asks for `every` over all models, for `joint` over those with a second stage."""
    for kind, names in {"every": list(CLASSES), "joint": JOINT}.items():
        if kind in metafunc.fixturenames:
            metafunc.parametrize(kind, names)


@pytest.fixture
def settings():
    """Settings of the models above, as a study would give them."""
    return CLASSES


@pytest.fixture
def make():
    """Build one of the models above, with changes."""
    from recloop.models import build

    def built(name="gommir", seed=0, **changes):
        torch.manual_seed(seed)
        facts = {"features": FEATURES, "shown": SHOWN, "turns": TURNS, "items": ITEMS}
        settings = CLASSES[name]
        for part, keys in (("policy", IN_POLICY), ("tracker", IN_TRACKER)):
            if mine := {key: changes.pop(key) for key in keys if key in changes}:
                changes[part] = settings.get(part, POLICY) | mine
        return build(settings | changes, **facts)

    return built


@pytest.fixture
def world():
    """Image features of the pool, and for five dialogues histories, targets and what is shown and said."""
    generator = torch.Generator().manual_seed(1)

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    batch = 5
    return {
        "images": normal(ITEMS, FEATURES),
        "history": normal(batch, 4, FEATURES),
        "length": torch.tensor([4, 2, 0, 1, 3]),
        "target": torch.arange(batch),
        # the first five items are targets; they are shown only where a test says so
        "shown": torch.stack(
            [
                5 + torch.randperm(ITEMS - 5, generator=generator)[: TURNS * SHOWN]
                for _ in range(batch)
            ]
        ).view(batch, TURNS, SHOWN),
        "text": normal(TURNS, batch, FEATURES),
    }


@pytest.fixture
def converse():
    """Let a model go through the lists of a world and hand back its dialogue."""
    return talk


def talk(model, world, seed=3, item_gradient=False):
    from recloop.models.dialogue.dialogue import Dialogue, Feedback

    images, shown, target = world["images"], world["shown"], world["target"]
    far = (images[shown] - images[target][:, None, None]).norm(dim=-1)
    order = shown.gather(2, far.argsort(-1))
    liked, disliked = order[..., 0], order[..., 1:]
    states = [model.begin(world["history"], world["length"])]
    feedback = []
    for turn in range(shown.shape[1]):
        utterances = Feedback(
            images[liked[:, turn]], images[disliked[:, turn]], world["text"][turn]
        )
        feedback.append(utterances)
        states.append(model.observe(states[-1], utterances))
    found = (shown == target[:, None, None]).any(-1)
    earlier = torch.cat([torch.zeros_like(found[:, :1]), found[:, :-1]], 1).cumsum(1) > 0
    with torch.set_grad_enabled(item_gradient):
        table = model.embed(images)
    generator = torch.Generator().manual_seed(seed)
    return Dialogue(
        target, states, shown, liked, disliked, feedback, ~earlier, table, model.personal, generator
    )
