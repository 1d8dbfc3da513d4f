"""Rule `write_gaze`: how a reader looks at the answers of pairs."""

from jsonargparse import auto_cli

from recloop.storage.timing import timed
from recloop.training.gaze import write_gaze

if __name__ == "__main__":
    auto_cli(timed()(write_gaze), as_positional=False)
