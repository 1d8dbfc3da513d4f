"""Rule `make_pairs`: preferences to pairs of answers in three parts."""

from jsonargparse import auto_cli

from recloop.data.pairs import make_pairs
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(make_pairs), as_positional=False)
