"""Trained models to ranks, lists and metrics.

IN   results/{study}/runs/…/weights.safetensors
OUT  results/{study}/scores/{dataset}/{model}/{seed}-{key}/   lists.parquet, scores-{code}.parquet
"""


rule rank:
    """Rank all candidates for every test event: a place in a session, or a turn of a dialogue."""
    input:
        data=lambda wildcards: records(PLAN.data(listed_run(wildcards)).values()),
        weights=lambda wildcards: f"{PLAN.run(PLAN.trained(listed_run(wildcards)))}/weights.safetensors",
        needs=lambda wildcards: list(weights_of(PLAN.needs(listed_run(wildcards))).values()),
    output:
        f"{LISTS}/lists.parquet",
    log:
        f"{LISTS}/rank.log",
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        job=lambda wildcards: job_of(listed_run(wildcards)),
        data=lambda wildcards: json.dumps(PLAN.data(listed_run(wildcards))),
        needs=lambda wildcards: json.dumps(weights_of(PLAN.needs(listed_run(wildcards)))),
        top_k=lambda wildcards: PLAN.evaluation(listed_run(wildcards)).get("top_k", "null"),
        settings=lambda wildcards: settings_of(listed_run(wildcards)),
    message:
        "rank {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{params.job}/rank.py --data {params.data:q} --weights {input.weights:q} "
        "--settings {params.settings:q} --output {output:q} --top_k {params.top_k} "
        "--needs {params.needs:q} --device {DEVICE} --threads {threads} 2>&1 | tee {log:q}"


rule evaluate:
    """Compute every metric of one run from its lists."""
    input:
        lists=f"{LISTS}/lists.parquet",
        vectors=lambda wildcards: list(weights_of(judges(listed_run(wildcards))).values()),
    output:
        f"{LISTS}/scores-{{code}}.parquet",
    log:
        f"{LISTS}/scores-{{code}}.log",
    params:
        split=lambda wildcards: split_of(listed_run(wildcards)),
        vectors=lambda wildcards, input: f"--vectors {input.vectors}" if input.vectors else "",
        identity=lambda wildcards: json.dumps(PLAN.identity(listed_run(wildcards))),
        evaluation=lambda wildcards: json.dumps(PLAN.evaluation(listed_run(wildcards))),
    message:
        "evaluate {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{JOB}/evaluate.py --lists {input.lists:q} --split {params.split} "
        "{params.vectors} --identity {params.identity:q} "
        "--evaluation {params.evaluation:q} --output {output:q} 2>&1 | tee {log:q}"
