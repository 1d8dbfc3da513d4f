"""Draw tables and figures anew from what `recloop export` packed, and compare them with those in the package.

python -m recloop.report.redraw                        everything, into redrawn/
python -m recloop.report.redraw modt4r/figure_4_7      some

No GPU, model, network or workflow is needed: Python with the packages of requirements.txt.
"""

import argparse
import json
import sys
from pathlib import Path

from recloop.report.build import build_one
from recloop.storage.files import sha256_of

JOBS = Path("jobs.json")
COMPARED = (".csv", ".svg", ".md", ".tex")  # text, whose bytes are the same everywhere


def redraw(name: str, settings: dict, output: Path) -> list[str]:
    """Draw one exhibit, and list its files that are not as in the package.

    Args:
        name: study/exhibit.
        settings: keywords of `build_one`.
        output: the folder to draw in.
    """
    lists = {key: [Path(file) for file in settings[key]] for key in ("scores", "splits", "runs")}
    place = output / name
    build_one(**settings | lists | {"output": place, "reported": Path(settings["reported"])})
    made = [file for file in place.parent.iterdir() if file.name.partition(".")[0] == place.name]
    pairs = [(file, Path("results") / file.relative_to(output)) for file in sorted(made)]
    return [
        str(there)
        for here, there in pairs
        if there.suffix in COMPARED and sha256_of(here) != sha256_of(there)
    ]


def main() -> int:
    """Draw, compare, and say what differs; status 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="STUDY/EXHIBIT", help="all if left out")
    parser.add_argument("--to", type=Path, default=Path("redrawn"), help="a folder (%(default)s)")
    options = parser.parse_args()
    jobs = json.loads(JOBS.read_text(encoding="utf-8"))
    if unknown := [name for name in options.names if name not in jobs]:
        print(f"{unknown[0]} is not in {JOBS}; there are: {', '.join(jobs)}", file=sys.stderr)
        return 1
    other = {name: redraw(name, jobs[name], options.to) for name in options.names or jobs}
    for name, files in other.items():
        print(f"{options.to}/{name}: {'other than ' + ', '.join(files) if files else 'as packed'}")
    return int(any(other.values()))


if __name__ == "__main__":
    sys.exit(main())
