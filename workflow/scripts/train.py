"""Rules of training: fit models, rank the test events and compute every metric, several runs in one job."""

from jsonargparse import auto_cli

from recloop.training.batch import work

if __name__ == "__main__":
    auto_cli(work, as_positional=False)
