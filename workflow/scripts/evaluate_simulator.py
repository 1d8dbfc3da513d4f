"""Rule `evaluate_simulator`: a simulated user to measures of how good it is."""

from jsonargparse import auto_cli

from recloop.simulators.validity import validate
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(validate), as_positional=False)
