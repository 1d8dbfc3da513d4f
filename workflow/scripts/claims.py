"""Rule `claims`: every printed cell and claim of a paper with its verdict."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from pathlib import Path

from recloop.plan.stamp import make
from recloop.report import build_claims

if __name__ == "__main__":
    make(build_claims, snakemake, reported=Path(snakemake.input.reported))
