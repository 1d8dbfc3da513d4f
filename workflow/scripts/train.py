"""Rule `train`: fit one model with one seed and keep its best weights."""

from jsonargparse import auto_cli

from recloop.training.run import train

if __name__ == "__main__":
    auto_cli(train, as_positional=False)
