"""Data to trained models.

IN   data/sessions/{source}-{key}/, or data/dialogues/… with the features and the simulated user
OUT  results/{study}/runs/{dataset}/{model}/{seed}-{key}/   weights.safetensors, curve.csv, run.json
"""


rule train:
    """Train one model of one study on one data set with one seed; goes on where a killed job stopped."""
    input:
        data=lambda wildcards: records(PLAN.data(trained_run(wildcards)).values()),
        needs=lambda wildcards: list(weights_of(PLAN.needs(trained_run(wildcards))).values()),
    output:
        multiext(f"{RUN}/", "weights.safetensors", "curve.csv", "run.json"),
    log:
        f"{RUN}/train.log",
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        job=lambda wildcards: job_of(trained_run(wildcards)),
        data=lambda wildcards: json.dumps(PLAN.data(trained_run(wildcards))),
        needs=lambda wildcards: json.dumps(weights_of(PLAN.needs(trained_run(wildcards)))),
        output=lambda wildcards: RUN.format(**wildcards),
        checkpoint_dir=lambda wildcards: f".recloop/checkpoints/{wildcards.key}",
        settings=lambda wildcards: settings_of(trained_run(wildcards)),
        identity=lambda wildcards: json.dumps(
            PLAN.identity(trained_run(wildcards)) | {"key": wildcards.key}
        ),
    message:
        "train {wildcards.model} on {wildcards.dataset}, seed {wildcards.seed}"
    shell:
        "{params.job}/train.py --data {params.data:q} --settings {params.settings:q} "
        "--identity {params.identity:q} --output {params.output:q} --checkpoint_dir {params.checkpoint_dir} "
        "--needs {params.needs:q} --device {DEVICE} --threads {threads} 2>&1 | tee {log:q}"
