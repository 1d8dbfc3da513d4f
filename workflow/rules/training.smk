"""Sessions to trained models.

IN   data/sessions/{source}-{key}/
OUT  results/{study}/runs/{dataset}/{model}/{seed}-{key}/   weights.safetensors, curve.csv, run.json
"""


rule train:
    """Train one model of one study on one data set with one seed; goes on where a killed job stopped."""
    input:
        lambda wildcards: f"{sessions(trained_run(wildcards))}/split.json",
        vectors=lambda wildcards: needed_vectors(trained_run(wildcards)),
    output:
        multiext(f"{RUN}/", "weights.safetensors", "curve.csv", "run.json"),
    log:
        f"{RUN}/train.log",
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        sessions=lambda wildcards: sessions(trained_run(wildcards)),
        into=lambda wildcards: RUN.format(**wildcards),
        side=lambda wildcards: f".recloop/checkpoints/{wildcards.key}",
        vectors=lambda wildcards, input: f"--vectors {input.vectors}" if input.vectors else "",
        settings=lambda wildcards: settings_of(
            trained_run(wildcards), "model", "training", "inference"
        ),
        identity=lambda wildcards: json.dumps(
            PLAN.identity(trained_run(wildcards)) | {"key": wildcards.key}
        ),
    message:
        "train {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{JOB}/train.py --sessions {params.sessions} --settings {params.settings:q} "
        "--identity {params.identity:q} --into {params.into:q} --side {params.side} {params.vectors} "
        "--device {DEVICE} --threads {threads} 2>&1 | tee {log:q}"
