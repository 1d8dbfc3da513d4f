"""Rule `split`: tidy tables to sessions in three parts."""

from jsonargparse import auto_cli

from recloop.data.prepare import prepare
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(prepare), as_positional=False)
