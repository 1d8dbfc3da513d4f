"""Make whole runs again where all that could be random is otherwise; what they end with has to be the same.

    python benchmarks/perturbed.py                        # the smoke runs of all studies
    python benchmarks/perturbed.py --studies hdt gommir

One copy of the project runs as always; in the other one every process has another hash seed, time zone and language,
random states that somebody has used, folders that are listed backwards and a clock that goes to and fro
(`otherwise/sitecustomize.py`). Every file of data and results is compared, as after kills. With `--threads 3` numbers
are added up in another order: features of sentences and some dialogue models then differ in their last digits.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from kills import ROOT, Copy, compare

THREADS = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "MKL_NUM_THREADS")
PLAIN = {"PYTHONHASHSEED": "0"} | dict.fromkeys(THREADS, "1")
OTHERWISE = {
    "PYTHONHASHSEED": "77",
    "OMP_WAIT_POLICY": "passive",  # threads that have nothing to do leave the processors to others
    "TZ": "Pacific/Kiritimati",
    "LC_ALL": "C",
}
PERTURBED = ROOT / "benchmarks/otherwise"


def main() -> None:
    """Run, run otherwise, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    everything = sorted(one.parent.name for one in ROOT.glob("studies/*/paper.yaml"))
    parser.add_argument("--studies", nargs="+", default=everything, help="what is made (all)")
    parser.add_argument("--threads", type=int, default=1, help="of the perturbed run (%(default)s)")
    given = parser.parse_args()
    made, threads = {}, dict.fromkeys(THREADS, str(given.threads))
    with tempfile.TemporaryDirectory(prefix="perturbed ü ") as folder:
        for name, environment in (("plain", PLAIN), ("otherwise", OTHERWISE | threads)):
            copy = Copy(Path(folder) / name, given.studies)
            copy.environment |= environment
            if name == "otherwise":
                copy.environment["PYTHONPATH"] += f"{os.pathsep}{PERTURBED}"
            started = time.monotonic()
            copy.finish(copy.start())
            made[name] = copy.hashes()
            print(
                f"{name}: {len(made[name])} files in {time.monotonic() - started:.0f} s", flush=True
            )
            copy.forget()
    compare(made["otherwise"], made["plain"])
    print(f"{len(given.studies)} studies, all {len(made['plain'])} files alike")


if __name__ == "__main__":
    main()
