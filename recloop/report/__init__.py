"""From saved scores and printed numbers to tables, figures, verdicts and the page of a study.

Exhibits are functions of recloop/report/<study>.py, named as in the paper. Everything here reads files only.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path


def build_table(
    study: dict,
    name: str,
    scores: list[Path],
    reported: Path,
    tier: dict,
    into: Path,
    splits: Iterable[Path] = (),
    runs: Iterable[Path] = (),
) -> None:
    """Write one table of a study as Markdown, LaTeX and CSV: `into` with .md, .tex and .csv."""
    from recloop.report.evidence import Evidence
    from recloop.report.printing import write

    evidence = Evidence.gather(study, tier, scores, reported, splits, runs)
    write(exhibit(into, name)(evidence, study["tables"][name]), Path(into))


def build_figure(
    study: dict,
    name: str,
    scores: list[Path],
    reported: Path,
    tier: dict,
    into: Path,
    splits: Iterable[Path] = (),
    runs: Iterable[Path] = (),
) -> None:
    """Write one figure of a study as PDF, SVG, PNG and its data as CSV."""
    from recloop.report.evidence import Evidence
    from recloop.report.figures import save

    evidence = Evidence.gather(study, tier, scores, reported, splits, runs)
    save(exhibit(into, name)(evidence, study["figures"][name]), Path(into))


def build_claims(
    study: dict,
    scores: list[Path],
    reported: Path,
    tier: dict,
    into: Path,
    splits: Iterable[Path] = (),
    runs: Iterable[Path] = (),
) -> None:
    """Write the verdicts on a study's claims (`into`.md, `into`.csv) and ledger.csv beside them."""
    from recloop.report.evidence import Evidence
    from recloop.report.ledger import write

    write(Evidence.gather(study, tier, scores, reported, splits, runs), Path(into))


def build_page(
    study: dict,
    tier: dict,
    scores: list[Path],
    runs: list[Path],
    splits: list[Path],
    into: Path,
    not_run: Mapping[str, str] | Iterable[str] = (),
) -> None:
    """Write README.md and index.html of a study into the folder `into`, from the exhibits that lie there."""
    from recloop.report.page import write

    write(study, tier, scores, runs, splits, Path(into), not_run)


def exhibit(into: Path, name: str):
    """Find the function that makes an exhibit: results/modt4r/table_4_3 is `table_4_3` of recloop.report.modt4r."""
    study = Path(into).parent.name
    module = import_module(f"{__name__}.{study}")
    if not hasattr(module, name):
        raise ValueError(
            f"recloop/report/{study}.py has no function '{name}', which the study lists as an exhibit."
        )
    return getattr(module, name)
