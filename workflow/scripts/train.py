"""Rule `train`: fit one model with one seed and keep its best weights."""

from jsonargparse import auto_cli

from recloop.storage.timing import timed
from recloop.training.run import train

if __name__ == "__main__":
    auto_cli(timed()(train), as_positional=False)
