"""Rule `write_feedback`: an environment's answers to every step of a training part."""

from jsonargparse import auto_cli

from recloop.simulators.feedback import write_feedback
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(write_feedback), as_positional=False)
