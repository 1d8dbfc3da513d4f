"""Raw files to sessions and splits, or to catalogues of pictures and dialogues.

IN   sources/{source}.yaml                  where the raw files are, or which world makes them
OUT  data/raw/{source}/                     raw files (DVC keeps the published ones)
     data/tables/{source}-{key}/            interactions, items, quarantine
     data/sessions/{source}-{key}/          train, valid and test.parquet, items.parquet, split.json
     data/catalogues/{source}-{key}/        items, attributes, captions, pictures in shards
     data/dialogues/{source}-{key}/         dialogues, captions, items in parts, split.json
"""


rule fetch:
    """Download, copy from a mirror, or generate one source; check every hash."""
    input:
        lambda wildcards: raw_seal(wildcards.source),
    output:
        update("data/raw/{source}/fetched.json"),  # holds what the first fetch found
    log:
        "data/raw/{source}.log",
    params:
        output=lambda wildcards, output: str(Path(output[0]).parent),
        source=lambda wildcards: json.dumps(raw_recipe(wildcards)["manifest"]),
        mirror=lambda wildcards: f"--mirror {config['mirror']}" if config["mirror"] else "",
    message:
        "fetch {wildcards.source}"
    shell:
        "{JOB}/fetch.py --source {params.source:q} --output {params.output} {params.mirror} 2>&1 | tee {log}"


rule read:
    """Read one source into tidy tables; set malformed lines aside."""
    input:
        lambda wildcards: f"{tables_recipe(wildcards)['raw']}/fetched.json",
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
        output=lambda wildcards, output: str(Path(output[0]).parent),
        source=lambda wildcards: json.dumps(tables_recipe(wildcards)["manifest"]),
    message:
        "read {wildcards.source}"
    shell:
        "{JOB}/read.py --source {params.source:q} --raw {params.raw} --output {params.output} 2>&1 | tee {log}"


rule split:
    """Filter, cut into sessions and split; check the split for leaks."""
    input:
        lambda wildcards: multiext(
            f"{sessions_recipe(wildcards)['made_of']}/",
            "interactions.parquet",
            "items.parquet",
            "read.json",
        ),
    output:
        multiext(
            f"{SESSIONS}/",
            "train.parquet",
            "valid.parquet",
            "test.parquet",
            "items.parquet",
            "split.json",
        ),
    log:
        f"{SESSIONS}/split.log",
    params:
        tables=lambda wildcards, input: str(Path(input[0]).parent),
        output=lambda wildcards, output: str(Path(output[0]).parent),
        seed=PLAN.tier["split_seed"],
        recipe=lambda wildcards: {
            part: json.dumps(sessions_recipe(wildcards)[part])
            for part in ("prepare", "split", "manifest")
        },
    message:
        "split {wildcards.source}"
    shell:
        "{JOB}/split.py --tables {params.tables} --output {params.output} --seed {params.seed} "
        "--prepare {params.recipe[prepare]:q} --split {params.recipe[split]:q} "
        "--source {params.recipe[manifest]:q} 2>&1 | tee {log}"


rule build_catalogue:
    """Read one source of pictures into a catalogue; set damaged ones aside."""
    input:
        lambda wildcards: f"{catalogue_recipe(wildcards)['raw']}/fetched.json",
    output:
        multiext(
            f"{CATALOGUE}/",
            "items.parquet",
            "attributes.parquet",
            "captions.parquet",
            "sequences.parquet",
            "quarantine.parquet",
            "catalogue.json",
        ),
        images=directory(f"{CATALOGUE}/images"),
    log:
        f"{CATALOGUE}/build_catalogue.log",
    params:
        raw=lambda wildcards, input: str(Path(input[0]).parent),
        output=lambda wildcards, output: str(Path(output[0]).parent),
        source=lambda wildcards: json.dumps(catalogue_recipe(wildcards)["manifest"]),
    message:
        "build_catalogue {wildcards.source}"
    shell:
        "{JOB}/build_catalogue.py --source {params.source:q} --raw {params.raw} --output {params.output} 2>&1 | tee {log}"


rule make_dialogues:
    """Decide who looks for which item, with which past; part items or users; write the captions."""
    input:
        lambda wildcards: f"{dialogues_recipe(wildcards)['made_of']}/catalogue.json",
    output:
        multiext(
            f"{DIALOGUES}/", "items.parquet", "dialogues.parquet", "captions.parquet", "split.json"
        ),
    log:
        f"{DIALOGUES}/make_dialogues.log",
    params:
        catalogue=lambda wildcards, input: str(Path(input[0]).parent),
        output=lambda wildcards, output: str(Path(output[0]).parent),
        seed=PLAN.tier["split_seed"],
        recipe=lambda wildcards: {
            part: json.dumps(dialogues_recipe(wildcards)[part]) for part in ("prepare", "split")
        },
    message:
        "make_dialogues {wildcards.source}"
    shell:
        "{JOB}/make_dialogues.py --catalogue {params.catalogue} --output {params.output} --seed {params.seed} "
        "--prepare {params.recipe[prepare]:q} --split {params.recipe[split]:q} 2>&1 | tee {log}"
