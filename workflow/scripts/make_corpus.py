"""Rule `make_corpus`: the texts of items to a data set."""

from jsonargparse import auto_cli

from recloop.language_models.corpora import make_corpus
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(make_corpus), as_positional=False)
