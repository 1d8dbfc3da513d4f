"""Rule `learn_item_tokens`: the items of a split to one token each."""

from jsonargparse import auto_cli

from recloop.language_models.item_tokens import learn_item_tokens
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(learn_item_tokens), as_positional=False)
