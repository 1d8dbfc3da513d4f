"""What `recloop plan` said before a run is held against the run when that is over."""

import sys

STUDY = "gsasrec"


def test_a_run_says_how_far_off_its_estimate_was(copied, plan):
    project = copied(f"studies=[{STUDY}]")
    (raw,) = plan(studies=[STUDY], seeds=[1], device="cpu").raw_data().values()
    command = [sys.executable, "-m", "snakemake", raw.record, *project.settings]
    asked = ["-m", "recloop", "plan", STUDY, "--tier", "smoke", "--seeds", "1"]
    planned = project.call(sys.executable, *asked)
    assert planned.returncode == 0 and "the estimate of" not in planned.stdout
    done = project.call(*command)
    assert done.returncode == 0, done.stdout[-3000:]
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("the estimate of")]
    assert ": 1 pieces of it are done, in " in said and said.endswith("%)")
