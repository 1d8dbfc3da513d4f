"""Rule `make_readings`: measured words of sentences in three parts."""

from jsonargparse import auto_cli

from recloop.data.readings import make_readings
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(make_readings), as_positional=False)
