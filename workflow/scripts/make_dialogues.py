"""Rule `make_dialogues`: a catalogue to targets, histories and captions."""

from jsonargparse import auto_cli

from recloop.data.dialogues import make_dialogues
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(make_dialogues), as_positional=False)
