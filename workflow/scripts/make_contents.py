"""Rule `make_contents`: titles and pictures of the items of a split."""

from jsonargparse import auto_cli

from recloop.contents.writing import make_contents
from recloop.storage.timing import timed

if __name__ == "__main__":
    auto_cli(timed()(make_contents), as_positional=False)
