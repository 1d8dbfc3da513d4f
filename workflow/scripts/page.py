"""Rule `page`: the page of one study."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from recloop.report import build_page
from recloop.report.stamp import make

if __name__ == "__main__":
    make(build_page, snakemake)
