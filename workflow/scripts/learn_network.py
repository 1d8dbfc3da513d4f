"""Rule `learn_network`: a catalogue to a small network of our own."""

from jsonargparse import auto_cli

from recloop.contents.learning import learn_network
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(learn_network), as_positional=False)
