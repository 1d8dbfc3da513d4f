"""`recloop audit`: doubts about printed numbers that arithmetic alone raises, without a run; files of others.

recloop audit modt4r            doubts about the numbers that a paper prints
recloop audit claims FILE…      whether files of verdicts, ours or others', are of the form of docs/verdicts.md
recloop audit recs FILE --truth FILE    lists of others by our metrics and by the conventions of docs/metrics.md
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

from recloop.commands import counted
from recloop.storage.fingerprint import ROOT
from recloop.storage.settings import SettingsError, only_known, text_of

HELP = "hold printed numbers against one another: hits, gains, coverages, ratios, improvements; or check a file"
COLUMNS = ("study", "check", "exhibit", "dataset", "model", "metric", "k", "printed", "says")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "studies",
        nargs="*",
        metavar="STUDY",
        help="e.g. modt4r; all if left out; or `claims` and files of verdicts; or `recs` and a file of lists",
    )
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="of recs: user, item, what was relevant"
    )
    parser.add_argument(
        "--k", type=int, nargs="+", default=[10], metavar="K", help="of recs: cut-offs"
    )
    parser.add_argument(
        "--csv", action="store_true", help="print comma-separated values with one line a finding"
    )


def run(options: argparse.Namespace) -> int:
    """Print what was found."""
    if options.studies[:1] == ["claims"]:
        return of_files([Path(file) for file in options.studies[1:]])
    if options.studies[:1] == ["recs"]:
        return of_lists(options)
    known = sorted(path.parent.name for path in (ROOT / "studies").glob("*/reported.csv"))
    only_known("recloop audit", options.studies, known)
    rows = [row for name in options.studies or known for row in findings(ROOT / "studies" / name)]
    if options.csv:
        csv.writer(sys.stdout).writerows([COLUMNS, *rows])
    else:
        for study, check, *where, printed, says in rows:
            place = " ".join(str(word) for word in where if word != "")
            print(f"{study}: {check}: {place} = {printed or '–'}: {says}")
        read = counted(len(options.studies or known), "study", "studies")
        print(f"{counted(len(rows), 'finding')} in the printed numbers of {read}")
    return 0


def of_files(files: list[Path]) -> int:
    """Check files of verdicts, and sum them up.

    Raises:
        SettingsError: the first fault.
    """
    from recloop.report import interchange

    if not files:
        raise SettingsError("recloop audit claims: name a file, e.g. results/claims.json")
    for file in files:
        try:
            content = json.loads(text_of(file))
        except json.JSONDecodeError as fault:
            raise SettingsError(f"{file} is not JSON: line {fault.lineno}: {fault.msg}") from None
        interchange.check_document(content, str(file))
        print("\n".join(interchange.summary(content)))
    return 0


def of_lists(options: argparse.Namespace) -> int:
    """Score lists under every convention.

    Raises:
        SettingsError: the files do not say what is needed.
    """
    from recloop.evaluation import conventions, foreign

    if len(options.studies) != 2 or min(options.k) < 1:
        raise SettingsError("recloop audit recs: name one file of lists, and cut-offs of 1 or more")
    lists, truth = foreign.read(Path(options.studies[1]), options.truth)
    asked, listed = truth["user"].n_unique(), lists["user"].n_unique()
    found = {
        name: conventions.score(lists, truth, options.k, by)
        for name, by in conventions.variants().items()
    }
    names = list(found["ours"])
    rows = [[name, *(f"{values[one]:.6f}" for one in names)] for name, values in found.items()]
    if options.csv:
        csv.writer(sys.stdout).writerows([["convention", *names], *rows])
        return 0
    without = asked - truth.join(lists, on="user", how="semi")["user"].n_unique()
    print(
        f"{len(lists):,} listed items of {listed:,} users; {len(truth):,} relevant items of {asked:,}, "
        f"of whom {without:,} have no list"
    )
    print(
        "\n".join(
            f"{row[0]:<28}" + "".join(f"{text:>12}" for text in row[1:])
            for row in [["", *names], *rows]
        )
    )
    return 0


def findings(study: Path) -> list[tuple]:
    """List the findings of one study as rows."""
    from recloop.plan.folders import read_study
    from recloop.report.audit import audit

    share = read_study(study)["evaluation"].get("novel_share")
    return [
        (study.name, one.check, *one.cell.run, one.cell.metric, one.cell.k, one.cell.text, one.says)
        for one in audit(study, share)
    ]
