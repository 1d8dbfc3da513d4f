"""Rule `train_user_model`: what users rated, or met one after the other, to a model of them."""

from jsonargparse import auto_cli

from recloop.simulators.user_models import train_user_model
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(train_user_model), as_positional=False)
