"""Rule `claims`: every printed cell and claim of a paper with its verdict."""

from pathlib import Path

from jsonargparse import auto_cli

from recloop.plan.stamp import make
from recloop.report.build import build_one


def claims(job: Path) -> None:
    """Judge the claims of a study.

    Args:
        job: JSON file with what it draws on and what it makes, see `make`.
    """
    make(build_one, job)


if __name__ == "__main__":
    auto_cli(claims, as_positional=False)
