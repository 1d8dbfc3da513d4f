"""Rule `fetch`: raw files of one source, from the network, a mirror folder or a generator."""

from jsonargparse import auto_cli

from recloop.data.sources import fetch

if __name__ == "__main__":
    auto_cli(fetch, as_positional=False)
