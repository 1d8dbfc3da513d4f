"""What every kind of generated results draws from, and which runs a pattern fits."""

from fnmatch import fnmatchcase
from zlib import crc32

import numpy as np


def stream(*words: object) -> np.random.Generator:
    """A generator of random numbers that belongs to these words."""
    return np.random.default_rng(crc32(" ".join(map(str, words)).encode()))


def fits(model: str, patterns) -> bool:
    """Check whether a run, or the model that it varies, fits one of some patterns."""
    return any(
        fnmatchcase(one, wanted) for wanted in patterns for one in (model, model.split(",")[0])
    )
