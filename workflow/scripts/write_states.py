"""Rule `write_states`: texts of items to hidden states in memory-mapped shards."""

from jsonargparse import auto_cli

from recloop.language_models.states import write_item_states
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(write_item_states), as_positional=False)
