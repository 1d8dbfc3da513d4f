"""Trained policies to logged sessions, from which other runs learn.

IN   results/{study}/runs/{dataset}/{model}/{seed}-{key}/weights.safetensors
OUT  data/experience/{source}-{key}/{log}-{key}/    sessions, and a record with their hash
"""


rule collect:
    """Let the policies of a behaviour serve simulated users; keep every turn."""
    input:
        lambda wildcards: experience(wildcards).records,
    output:
        multiext(f"{EXPERIENCE}/", "experience.parquet", "experience.json"),
    log:
        f"{EXPERIENCE}/collect.log",
    priority: urgency(experience)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: flags(
            given(experience(wildcards)) | {"output": folder(output)}
        ),
    message:
        "collect {wildcards.log} on {wildcards.source}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {JOB}/collect.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"
