"""Rule `split`: tidy tables to sessions in three parts."""

from jsonargparse import auto_cli

from recloop.data.prepare import prepare

if __name__ == "__main__":
    auto_cli(prepare, as_positional=False)
