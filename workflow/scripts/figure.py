"""Rule `figure`: one figure of a paper."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from pathlib import Path

from recloop.plan.stamp import make
from recloop.report import build_figure

if __name__ == "__main__":
    make(build_figure, snakemake, reported=Path(snakemake.input.reported))
