"""Rule `page`: the page of one study."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from pathlib import Path

from recloop.report import build_page
from recloop.report.stamp import stamp


def paths(files) -> list[Path]:
    return [Path(file) for file in files]


if __name__ == "__main__":
    build_page(
        **snakemake.params.settings,
        scores=paths(snakemake.input.scores),
        splits=paths(snakemake.input.splits),
        runs=paths(snakemake.input.runs),
    )
    stamp(Path(snakemake.output.stamp), snakemake.params.key, snakemake.output[:-1])
