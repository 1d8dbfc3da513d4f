"""From saved scores and printed numbers to tables, figures, verdicts and the page of a study.

Exhibits are functions of recloop/report/<study>.py, named as in the paper. Everything here reads files only.
"""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

# Imports stand in the functions: a table needs no seaborn, and `recloop.plan.names` nothing at all.


def build_table(name: str, output: Path, **saved) -> None:
    """Write one table of a study as Markdown, LaTeX and CSV.

    Args:
        name: of the table, as in the study and in the paper.
        output: path of its files without their endings.
        saved: what it draws on, see `Evidence.gather`.
    """
    from recloop.report.evidence import Evidence
    from recloop.report.printing import write

    evidence = Evidence.gather(**saved)
    write(exhibit(output, name)(evidence, evidence.study["tables"][name]), Path(output))


def build_figure(name: str, output: Path, **saved) -> None:
    """Write one figure of a study as PDF, SVG, PNG and its data as CSV; arguments as `build_table`."""
    from recloop.report.evidence import Evidence
    from recloop.report.figures import save

    evidence = Evidence.gather(**saved)
    save(exhibit(output, name)(evidence, evidence.study["figures"][name]), Path(output))


def build_claims(output: Path, **saved) -> None:
    """Write the verdicts on a study's claims (`output`.md, `output`.csv) and ledger.csv beside them."""
    from recloop.report.evidence import Evidence
    from recloop.report.ledger import write

    write(Evidence.gather(**saved), Path(output))


def build_page(output: Path, runs: Iterable[Path], not_run: Iterable[str] = (), **saved) -> None:
    """Write README.md and index.html of a study into the folder `output`, from the exhibits that lie there."""
    from recloop.report.evidence import Evidence
    from recloop.report.page import write

    write(Evidence.gather(**saved, runs=runs), runs, Path(output), not_run)


def exhibit(output: Path, name: str):
    """Find the function that makes an exhibit: results/modt4r/table_4_3 is `table_4_3` of recloop.report.modt4r."""
    study = Path(output).parent.name
    module = import_module(f"{__name__}.{study}")
    if not hasattr(module, name):
        raise ValueError(
            f"recloop/report/{study}.py has no function '{name}', which the study lists as an exhibit."
        )
    return getattr(module, name)
