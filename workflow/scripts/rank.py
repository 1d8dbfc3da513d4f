"""Rule `rank`: a trained model to the rank of every test target and its best items."""

from jsonargparse import auto_cli

from recloop.storage.timing import timed
from recloop.training.run import rank_test

if __name__ == "__main__":
    auto_cli(timed()(rank_test), as_positional=False)
