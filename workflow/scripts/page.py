"""Rule `page`: the page of one study."""
# ruff: noqa: F821 Snakemake defines `snakemake`

from recloop.plan.stamp import make
from recloop.report.build import build_page

if __name__ == "__main__":
    make(build_page, snakemake)
