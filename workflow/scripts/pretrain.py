"""Rule `pretrain`: a catalogue to a small encoder of our own."""

from jsonargparse import auto_cli

from recloop.features.pretrain import pretrain
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(pretrain), as_positional=False)
