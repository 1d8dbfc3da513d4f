"""Rule `tell_preferences`: prompts about users to what a language model says that they prefer."""

from jsonargparse import auto_cli

from recloop.simulators.telling import tell_preferences
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(tell_preferences), as_positional=False)
