"""Make the tables, figures, verdicts and the page of one study, from what was saved, in one process.

What was saved is read once for all of them. Each exhibit sees its own scores only, so that its files do not depend on
what else is made beside it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from recloop.report.evidence import Evidence
from recloop.report.exhibits import maker


def build(
    study: Mapping,
    tier: Mapping,
    exhibits: Mapping[str, Iterable[Path]],
    output: Path,
    reported: Path | None = None,
    splits: Iterable[Path] = (),
    runs: Iterable[Path] = (),
    done: Callable[[str], object] = lambda name: None,
) -> None:
    """Write tables and figures of a study, and the verdicts on its claims where `claims` is among the exhibits.

    Args:
        study: the study.
        tier: the resolved tier.
        exhibits: scores that each exhibit draws on, by its name.
        output: folder of the files.
        reported: the printed numbers.
        splits: split.json of every data set.
        runs: run.json of every training.
        done: called with the name of each exhibit when its files are written.
    """
    scores = list(dict.fromkeys(Path(path) for paths in exhibits.values() for path in paths))
    everything = Evidence.gather(study, tier, scores, reported, splits, runs)
    for name in exhibits:
        make(everything.of(exhibits[name]), name, Path(output))
        done(name)


def build_one(output: Path, scores: Iterable[Path], **saved) -> None:
    """Write one exhibit: the last part of `output` is its name; the rest as in `build`."""
    output = Path(output)
    build(exhibits={output.name: scores}, output=output.parent, **saved)


def make(evidence: Evidence, name: str, output: Path) -> None:
    """Write one exhibit of a study into a folder.

    Raises:
        ValueError: it cannot be made; says which and why.
    """
    if name == "claims":
        from recloop.report.ledger import write

        return write(evidence, output / name)
    entry = (evidence.study["tables"] | evidence.study["figures"])[name]
    return maker(entry, name)(evidence, entry, name).save(output / name)


def build_dialogues(
    study: Mapping,
    tier: Mapping,
    scores: Iterable[Path],
    output: Path,
    splits: Iterable[Path] = (),
    runs: Iterable[Path] = (),
    studies: Iterable[str] = (),
) -> None:
    """Write dialogues.html of a study into the folder `output`; `studies` are all that have such a page."""
    from recloop.report.dialogues import write

    write(Evidence.gather(study, tier, scores, None, splits, runs), Path(output), studies)


def build_page(
    study: Mapping,
    tier: Mapping,
    scores: Iterable[Path],
    output: Path,
    splits: Iterable[Path] = (),
    runs: Sequence[Path] = (),
    not_run: Iterable[str] = (),
) -> None:
    """Write README.md and index.html of a study into the folder `output`, from the exhibits that lie there."""
    from recloop.report.page import write

    evidence = Evidence.gather(study, tier, scores, None, splits, runs)
    write(evidence, runs, Path(output), not_run)
