"""Rule `simulate`: captions to a simulated user."""

from jsonargparse import auto_cli

from recloop.simulators.train import train
from recloop.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(train), as_positional=False)
