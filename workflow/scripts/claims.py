"""Rule `claims`: every printed cell and claim of a paper with its verdict."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from pathlib import Path

from recloop.report import build_claims
from recloop.report.stamp import stamp


def paths(files) -> list[Path]:
    return [Path(file) for file in files]


if __name__ == "__main__":
    build_claims(
        **snakemake.params.settings,
        scores=paths(snakemake.input.scores),
        splits=paths(snakemake.input.splits),
        reported=Path(snakemake.input.reported),
    )
    stamp(Path(snakemake.output.stamp), snakemake.params.key, snakemake.output[:-1])
