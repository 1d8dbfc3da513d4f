"""Rule `evaluate`: ranks and lists to metrics, without the model."""

from jsonargparse import auto_cli

from recloop.evaluation.run import score
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(score), as_positional=False)
