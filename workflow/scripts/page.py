"""Rule `page`: the page of one study."""

import json
from pathlib import Path

from jsonargparse import auto_cli

from recloop.plan.stamp import make
from recloop.report.build import build_page


def page(job: Path) -> None:
    """Make the page of a study and print its path.

    Args:
        job: JSON file with what it draws on and what it makes, see `make`.
    """
    make(build_page, job)
    print(f"page ready: {json.loads(job.read_text())['settings']['output']}/index.html")


if __name__ == "__main__":
    auto_cli(page, as_positional=False)
