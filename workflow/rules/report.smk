"""Scores to the tables, figures, verdicts and pages of the papers.

IN   results/{study}/scores/…, studies/{study}/reported.csv
OUT  results/{study}/table_4_3.md, figure_4_5.pdf, dialogues.html, claims.md, README.md, …; results/index.html, claims.json and metrics.json over all studies

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
    priority: 100  # first what can be shown
    params:
        job=lambda wildcards, output: exhibit_job(wildcards.study, wildcards.name, output),
    message:
        "table {wildcards.name} of {wildcards.study}"
    shell:
        "RECLOOP_LOG={log:q} {REPORT_JOB}/table.py --job {params.job} 2>&1 | tee -a {log:q}"


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
    priority: 100  # first what can be shown
    params:
        job=lambda wildcards, output: exhibit_job(wildcards.study, wildcards.name, output),
    message:
        "figure {wildcards.name} of {wildcards.study}"
    shell:
        "RECLOOP_LOG={log:q} {REPORT_JOB}/figure.py --job {params.job} 2>&1 | tee -a {log:q}"


rule claims:
    """Every printed cell and every claim of a paper with its verdict."""
    input:
        unpack(lambda wildcards: exhibit_input(wildcards.study, "claims")),
        reported=lambda wildcards: PLAN.reported(wildcards.study),
    output:
        multiext("results/{study}/", "claims.md", "claims.csv", "claims.json", "ledger.csv"),
        stamp="results/{study}/.made/claims.json",
    log:
        "results/{study}/.made/claims.log",
    priority: 100  # first what can be shown
    params:
        job=lambda wildcards, output: exhibit_job(wildcards.study, "claims", output),
    message:
        "claims of {wildcards.study}"
    shell:
        "RECLOOP_LOG={log:q} {REPORT_JOB}/claims.py --job {params.job} 2>&1 | tee -a {log:q}"


rule dialogues:
    """Dialogues of one study, turn by turn, two models side by side."""
    input:
        unpack(lambda wildcards: exhibit_input(wildcards.study, "dialogues")),
    output:
        "results/{study}/dialogues.html",
        stamp="results/{study}/.made/dialogues.json",
    log:
        "results/{study}/.made/dialogues.log",
    priority: 100  # first what can be shown
    params:
        job=lambda wildcards, output: exhibit_job(wildcards.study, "dialogues", output),
    message:
        "dialogues of {wildcards.study}"
    shell:
        "RECLOOP_LOG={log:q} {REPORT_JOB}/dialogues.py --job {params.job} 2>&1 | tee -a {log:q}"


rule page:
    """The page of one study: every table and figure, claims, costs and departures."""
    input:
        unpack(lambda wildcards: exhibit_input(wildcards.study, "page")),
        exhibits=lambda wildcards: exhibit_files(wildcards.study),
        dialogues=lambda wildcards: dialogue_files(wildcards.study),
        claims=multiext("results/{study}/", "claims.md", "claims.csv", "claims.json", "ledger.csv"),
    output:
        multiext("results/{study}/", "README.md", "index.html"),
        stamp="results/{study}/.made/page.json",
    log:
        "results/{study}/.made/page.log",
    priority: 100  # first what can be shown
    params:
        job=lambda wildcards, output: exhibit_job(wildcards.study, "page", output),
    message:
        "page of {wildcards.study}"
    shell:
        "RECLOOP_LOG={log:q} {REPORT_JOB}/page.py --job {params.job} 2>&1 | tee -a {log:q}"


rule front:
    """The page over the pages of all studies: what was made, and what holds."""
    input:
        pages=expand("results/{study}/{page}", study=PLAN.studies, page=["README.md", "index.html"]),
        claims=expand("results/{study}/claims.{end}", study=PLAN.studies, end=["csv", "json"]),
        seal=lambda wildcards: seal(
            Path("results/.made/front.json"), PLAN.front.key, Path(".recloop/keys/front")
        ),
    output:
        multiext("results/", "README.md", "index.html", "claims.json", "verdicts.schema.json"),
        multiext("results/", "metrics.json", "scores.csv"),
        multiext("results/steps", *FIGURE),
        stamp="results/.made/front.json",
    log:
        "results/.made/front.log",
    localrule: True  # a second of work over all studies
    params:
        job=lambda wildcards, input, output: front_job(output),
    message:
        "front page"
    shell:
        "RECLOOP_LOG={log:q} {REPORT_JOB}/front.py --job {params.job} 2>&1 | tee -a {log:q}"
