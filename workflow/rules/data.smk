"""Raw files to sessions and splits.

IN   sources/{source}.yaml                  where the raw files are, or which world makes them
OUT  data/raw/{source}/                     raw files (DVC keeps the published ones)
     data/tables/{source}-{key}/            interactions, items, quarantine
     data/sessions/{source}-{key}/          train, valid and test.parquet, items.parquet, split.json
"""


rule fetch:
    """Download, copy from a mirror, or generate one source; check every hash."""
    input:
        lambda wildcards: raw_seal(wildcards.source),
    output:
        "data/raw/{source}/fetched.json",
    log:
        "data/raw/{source}.log",
    params:
        into=lambda wildcards, output: str(Path(output[0]).parent),
        source=lambda wildcards: json.dumps(recipe("raw")(wildcards)["manifest"]),
        mirror=lambda wildcards: f"--mirror {config['mirror']}" if config["mirror"] else "",
    message:
        "fetch {wildcards.source}"
    shell:
        "{JOB}/fetch.py --source {params.source:q} --into {params.into} {params.mirror} 2>&1 | tee {log}"


rule read:
    """Read one source into tidy tables; set malformed lines aside."""
    input:
        lambda wildcards: f"{PLAN.raw(*DATA[f'data/tables/{wildcards.source}'])}/fetched.json",
    output:
        multiext(
            "data/tables/{source}/",
            "interactions.parquet",
            "items.parquet",
            "quarantine.parquet",
            "read.json",
        ),
    log:
        "data/tables/{source}/read.log",
    params:
        raw=lambda wildcards, input: str(Path(input[0]).parent),
        into=lambda wildcards, output: str(Path(output[0]).parent),
        source=lambda wildcards: json.dumps(recipe("tables")(wildcards)["manifest"]),
    message:
        "read {wildcards.source}"
    shell:
        "{JOB}/read.py --source {params.source:q} --raw {params.raw} --into {params.into} 2>&1 | tee {log}"


rule split:
    """Filter, cut into sessions and split; check the split for leaks."""
    input:
        lambda wildcards: multiext(
            f"{PLAN.tables(*DATA[f'data/sessions/{wildcards.source}'])}/",
            "interactions.parquet",
            "items.parquet",
            "read.json",
        ),
    output:
        multiext(
            "data/sessions/{source}/",
            "train.parquet",
            "valid.parquet",
            "test.parquet",
            "items.parquet",
            "split.json",
        ),
    log:
        "data/sessions/{source}/split.log",
    params:
        tables=lambda wildcards, input: str(Path(input[0]).parent),
        into=lambda wildcards, output: str(Path(output[0]).parent),
        seed=PLAN.tier["split_seed"],
        recipe=lambda wildcards: {
            part: json.dumps(recipe("sessions")(wildcards)[part])
            for part in ("prepare", "split", "manifest")
        },
    message:
        "split {wildcards.source}"
    shell:
        "{JOB}/split.py --tables {params.tables} --into {params.into} --seed {params.seed} "
        "--prepare {params.recipe[prepare]:q} --split {params.recipe[split]:q} "
        "--source {params.recipe[manifest]:q} 2>&1 | tee {log}"
