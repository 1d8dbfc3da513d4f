"""Captions to simulated users, and how good these are.

IN   data/dialogues/{source}-{key}/captions.parquet, data/features/…
OUT  data/simulators/{source}-{key}/{user}-{key}/        weights, vocabulary, curve, record
     results/{study}/validity/{dataset}/{user}-{key}/    measures on held-out pairs
"""


rule simulate:
    """Train one relative captioner, or convert a published one."""
    input:
        lambda wildcards: records(
            user_recipe(wildcards)[role] for role in ("dialogues", "grid", "published")
        ),
    output:
        multiext(
            f"{USER}/", "weights.safetensors", "vocabulary.json", "curve.csv", "simulator.json"
        ),
    log:
        f"{USER}/simulate.log",
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: flags(
            {
                "dialogues": user_recipe(wildcards)["dialogues"],
                "features": user_recipe(wildcards)["grid"],
                "settings": user_recipe(wildcards)["settings"],
                "published": user_recipe(wildcards)["published"],
                "into": Path(output[0]).parent,
                "seed": PLAN.tier["split_seed"],
            }
        ),
    message:
        "simulate {wildcards.user} on {wildcards.source}"
    shell:
        "{JOB}/simulate.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee {log}"


rule validate:
    """Judge a simulated user on held-out pairs: its words, their truth, and what a listener gains."""
    input:
        lambda wildcards: records(judging_data(wildcards)),
    output:
        VALIDITY,
    log:
        "results/{study}/validity/{dataset}/{user}-{key}/validate.log",
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: flags(
            judged_user(wildcards) | {"into": output[0], "published": None}
        ),
    message:
        "validate {wildcards.user} on {wildcards.dataset}"
    shell:
        "{LANGUAGE_JOB}/validate.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee {log}"
