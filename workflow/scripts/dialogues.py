"""Rule `dialogues`: dialogues of a study, turn by turn."""

from pathlib import Path

from jsonargparse import auto_cli

from recloop.plan.stamp import make
from recloop.report.build import build_dialogues


def dialogues(job: Path) -> None:
    """Make the page of a study's dialogues.

    Args:
        job: JSON file with what it draws on and what it makes, see `make`.
    """
    make(build_dialogues, job)


if __name__ == "__main__":
    auto_cli(dialogues, as_positional=False)
