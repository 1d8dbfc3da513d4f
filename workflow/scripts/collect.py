"""Rule `collect`: trained policies to logged sessions."""

from jsonargparse import auto_cli

from recloop.storage.timing import timed
from recloop.training.experience import collect

if __name__ == "__main__":
    auto_cli(timed()(collect), as_positional=False)
