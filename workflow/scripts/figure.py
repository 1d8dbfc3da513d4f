"""Rule `figure`: one figure of a paper."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from pathlib import Path

from recloop.plan.stamp import make
from recloop.report.build import build_one

if __name__ == "__main__":
    make(build_one, snakemake, reported=Path(snakemake.input.reported))
