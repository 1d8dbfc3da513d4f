"""Scores to the tables, figures, verdicts and pages of the papers.

IN   results/{study}/scores/…, studies/{study}/reported.csv
OUT  results/{study}/table_4_3.md, figure_4_5.pdf, claims.md, README.md, …

Table 4.3 of MODT4R is `snakemake results/modt4r/table_4_3.md`, of the kind that studies/modt4r/exhibits.yaml names: a file
of recloop/report/exhibits/.
"""


rule table:
    """One table of one paper, ours beside printed."""
    input:
        unpack(lambda wildcards: exhibit_input(wildcards.study, wildcards.name)),
        reported=lambda wildcards: PLAN.reported(wildcards.study),
    output:
        multiext("results/{study}/{name}", *TABLE),
        stamp="results/{study}/.made/{name}.json",
    log:
        "results/{study}/.made/{name}.log",
    wildcard_constraints:
        name=r"table_\w+",
    params:
        key=lambda wildcards: PLAN.exhibit_key(wildcards.study, wildcards.name),
        settings=lambda wildcards: report_of(wildcards.study, wildcards.name),
    message:
        "table {wildcards.name} of {wildcards.study}"
    script:
        "../scripts/table.py"


rule figure:
    """One figure of one paper."""
    input:
        unpack(lambda wildcards: exhibit_input(wildcards.study, wildcards.name)),
        reported=lambda wildcards: PLAN.reported(wildcards.study),
    output:
        multiext("results/{study}/{name}", *FIGURE),
        stamp="results/{study}/.made/{name}.json",
    log:
        "results/{study}/.made/{name}.log",
    wildcard_constraints:
        name=r"figure_\w+",
    params:
        key=lambda wildcards: PLAN.exhibit_key(wildcards.study, wildcards.name),
        settings=lambda wildcards: report_of(wildcards.study, wildcards.name),
    message:
        "figure {wildcards.name} of {wildcards.study}"
    script:
        "../scripts/figure.py"


rule claims:
    """Every printed cell and every claim of a paper with its verdict."""
    input:
        unpack(lambda wildcards: exhibit_input(wildcards.study, "claims")),
        reported=lambda wildcards: PLAN.reported(wildcards.study),
    output:
        multiext("results/{study}/", "claims.md", "claims.csv", "ledger.csv"),
        stamp="results/{study}/.made/claims.json",
    log:
        "results/{study}/.made/claims.log",
    params:
        key=lambda wildcards: PLAN.exhibit_key(wildcards.study, "claims"),
        settings=lambda wildcards: report_of(wildcards.study, "claims"),
    message:
        "claims of {wildcards.study}"
    script:
        "../scripts/claims.py"


rule page:
    """The page of one study: every table and figure, claims, costs and departures."""
    input:
        unpack(lambda wildcards: exhibit_input(wildcards.study, "page")),
        exhibits=lambda wildcards: exhibit_files(wildcards.study),
        claims=multiext("results/{study}/", "claims.md", "claims.csv", "ledger.csv"),
    output:
        multiext("results/{study}/", "README.md", "index.html"),
        stamp="results/{study}/.made/page.json",
    log:
        "results/{study}/.made/page.log",
    params:
        key=lambda wildcards: PLAN.exhibit_key(wildcards.study, "page"),
        settings=lambda wildcards: report_of(wildcards.study, ""),
    message:
        "page of {wildcards.study}"
    script:
        "../scripts/page.py"
