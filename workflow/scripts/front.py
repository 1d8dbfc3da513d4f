"""Rule `front`: the page over the pages of all studies."""

from pathlib import Path

from jsonargparse import auto_cli

from recloop.plan.stamp import make
from recloop.report.front import build_front


def front(job: Path) -> None:
    """Make the front page.

    Args:
        job: JSON file with what it draws on and what it makes, see `make`.
    """
    make(build_front, job)


if __name__ == "__main__":
    auto_cli(front, as_positional=False)
