"""Trained models to ranks, lists and metrics.

IN   results/{study}/runs/…/weights.safetensors
OUT  results/{study}/scores/{dataset}/{model}/{seed}-{key}/   lists.parquet, scores-{code}.parquet
"""


rule rank:
    """Rank the whole catalogue for every test event."""
    input:
        lambda wildcards: f"{sessions(listed_run(wildcards))}/split.json",
        weights=lambda wildcards: f"{PLAN.run(PLAN.trained(listed_run(wildcards)))}/weights.safetensors",
        vectors=lambda wildcards: needed_vectors(listed_run(wildcards)),
    output:
        f"{LISTS}/lists.parquet",
    log:
        f"{LISTS}/rank.log",
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        sessions=lambda wildcards: sessions(listed_run(wildcards)),
        top_k=lambda wildcards: PLAN.evaluation(listed_run(wildcards))["top_k"],
        vectors=lambda wildcards, input: f"--vectors {input.vectors}" if input.vectors else "",
        settings=lambda wildcards: settings_of(
            listed_run(wildcards), "model", "training", "inference"
        ),
    message:
        "rank {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{JOB}/rank.py --sessions {params.sessions} --weights {input.weights:q} "
        "--settings {params.settings:q} --into {output:q} --top_k {params.top_k} {params.vectors} "
        "--device {DEVICE} --threads {threads} 2>&1 | tee {log:q}"


rule evaluate:
    """Compute every metric of one run from its lists."""
    input:
        lists=f"{LISTS}/lists.parquet",
        vectors=lambda wildcards: f"{PLAN.run(PLAN.judge(listed_run(wildcards)))}/weights.safetensors",
    output:
        f"{LISTS}/scores-{{code}}.parquet",
    log:
        f"{LISTS}/scores-{{code}}.log",
    params:
        sessions=lambda wildcards: sessions(listed_run(wildcards)),
        identity=lambda wildcards: json.dumps(PLAN.identity(listed_run(wildcards))),
        evaluation=lambda wildcards: json.dumps(PLAN.evaluation(listed_run(wildcards))),
    message:
        "evaluate {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{JOB}/evaluate.py --lists {input.lists:q} --sessions {params.sessions} "
        "--vectors {input.vectors:q} --identity {params.identity:q} "
        "--evaluation {params.evaluation:q} --into {output:q} 2>&1 | tee {log:q}"
