"""Rule `build_catalogue`: raw files to a catalogue with pictures in shards."""

from jsonargparse import auto_cli

from recloop.data.read import build_catalogue
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(build_catalogue), as_positional=False)
