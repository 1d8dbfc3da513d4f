"""Rule `figure`: one figure of a paper."""

from pathlib import Path

from jsonargparse import auto_cli

from recloop.plan.stamp import make
from recloop.report.build import build_one


def figure(job: Path) -> None:
    """Make a figure.

    Args:
        job: JSON file with what it draws on and what it makes, see `make`.
    """
    make(build_one, job)


if __name__ == "__main__":
    auto_cli(figure, as_positional=False)
