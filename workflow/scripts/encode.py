"""Rule `encode`: pictures to features in memory-mapped shards."""

from jsonargparse import auto_cli

from recloop.features.encode import encode
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(encode), as_positional=False)
