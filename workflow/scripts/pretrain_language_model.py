"""Rule `pretrain_language_model`: texts to a small language model of our own."""

from jsonargparse import auto_cli

from recloop.language_models.pretrain import pretrain
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(pretrain), as_positional=False)
