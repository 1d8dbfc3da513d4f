"""Rule `write_levels`: titles or pictures to hidden levels in memory-mapped shards."""

from jsonargparse import auto_cli

from recloop.contents.levels import write_levels
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(write_levels), as_positional=False)
