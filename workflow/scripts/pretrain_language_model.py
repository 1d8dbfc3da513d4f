"""Rule `pretrain_language_model`: texts to a small language model of our own."""

from jsonargparse import auto_cli

from recloop.fitting.launch import launched
from recloop.language_models.pretrain import pretrain
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(launched(pretrain)), as_positional=False)
