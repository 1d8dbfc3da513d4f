"""One command makes every table, figure and verdict:  snakemake --cores all

The includes below are the table of contents, in the order the work happens.
"""


configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"


rule all:
    """One page per study, holding all its tables and figures."""
    default_target: True
    input:
        expand("results/{study}/{page}", study=PLAN.studies, page=["README.md", "index.html"]),


onsuccess:
    for study in PLAN.studies:
        print(
            f"\nTier {config['tier']}: open results/{study}/index.html (or README.md beside it)."
        )
