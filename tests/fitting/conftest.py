"""Trainings of the examples, by name."""

import pytest
import torch

CHANGES = {
    "Pairs": {},
    "LanguageModel": {"keeps": "trained", "accumulate": 2},
    "Diffusion": {"average": 0.9},
    "EndToEnd": {"pace": "cosine", "warm_up": 3, "precision": "bfloat16"},
    "Coupled": {},
    "ActStoreLearn": {"validate_every": 4},
}


@pytest.fixture(scope="session")
def examples():
    """Load the module of examples, after the shape checks are in place."""
    import examples

    return examples


@pytest.fixture
def trainer(examples):
    """Give a function that makes the training of an example."""
    from recloop.fitting.context import TrainingContext
    from recloop.fitting.schedule import Schedule
    from recloop.fitting.trainer import Trainer

    def trainer(name, folder=None, log=lambda line: None, seed=1, **changes):
        given = {"learning_rate": 0.03, "batch_size": 10, "epochs": 4} | CHANGES[name] | changes
        context = TrainingContext(seed, folder, "cpu", log, name)
        torch.manual_seed(seed)
        return Trainer(getattr(examples, name)(Schedule(**given), context), context)

    return trainer
