"""Rule `table`: one table of a paper, ours beside printed."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from pathlib import Path

from recloop.report import build_table
from recloop.report.stamp import stamp


def paths(files) -> list[Path]:
    return [Path(file) for file in files]


if __name__ == "__main__":
    build_table(
        **snakemake.params.settings,
        scores=paths(snakemake.input.scores),
        splits=paths(snakemake.input.splits),
        reported=Path(snakemake.input.reported),
    )
    stamp(Path(snakemake.output.stamp), snakemake.params.key, snakemake.output[:-1])
