"""Data to trained models, their lists and their scores: several runs to a job.

IN   data/sessions/{source}-{key}/, or data/dialogues/… with the features and the simulated user
OUT  results/{study}/runs/{dataset}/{model}/{seed}-{key}/     weights.safetensors, curve.csv, run.json
     results/{study}/scores/{dataset}/{model}/{seed}-{key}/   lists.parquet, scores-{code}.parquet

The jobs are those of recloop/plan/batches.py: `train` makes weights, lists and scores, `rank` asks old weights anew
(`list` without metrics), `evaluate` computes metrics of old lists. One goes on where a killed one stopped.
"""

for batch in read_batches():

    rule:
        name:
            batch.name
        input:
            batch.inputs,
        output:
            batch.outputs,
        log:
            f".recloop/logs/{batch.name}.log",
        priority: priority(batch.study)
        threads: THREADS * batch.processes
        resources:
            gpu=batch.processes * int(GPU and batch.step != "evaluate"),
        params:
            job=LANGUAGE_JOB if batch.language else JOB,
            step=batch.step,
            batch=f".recloop/jobs/{batch.name}.json",
        message:
            batch.title
        shell:
            "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {params.job}/train.py --batch {params.batch} "
            "--device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"
