"""The page of a study: what it shows, on which data, at what cost, and what it leaves out.

The content is gathered once as sections and written twice, as README.md and as index.html.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from recloop.report import page_html, page_markdown, sections
from recloop.report.evidence import Evidence


def write(evidence: Evidence, runs: Iterable[Path], output: Path, not_run: Iterable[str]) -> None:
    """Write README.md and index.html into a folder.

    Args:
        evidence: scores and splits.
        runs: run.json of every training.
        output: the folder; the exhibits lie there.
        not_run: what else was left out on purpose, by name or with reasons.
    """
    done = [json.loads(Path(run).read_text()) for run in runs]
    page = sections.gather(evidence, done, output, not_run)
    output.mkdir(parents=True, exist_ok=True)
    (output / "README.md").write_text(page_markdown.render(page, output), encoding="utf-8")
    (output / "index.html").write_text(page_html.render(page), encoding="utf-8")
