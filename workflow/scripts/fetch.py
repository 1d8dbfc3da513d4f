"""Rule `fetch`: raw files of one source, from the network, a mirror folder or a generator."""

from jsonargparse import auto_cli

from recloop.data.sources import fetch
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(fetch), as_positional=False)
