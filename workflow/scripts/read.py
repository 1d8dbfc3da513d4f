"""Rule `read`: raw files to tidy tables."""

from jsonargparse import auto_cli

from recloop.data.read import read
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(read), as_positional=False)
