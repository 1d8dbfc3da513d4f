"""Raw files to sessions and splits, or to catalogues of pictures or titles, and dialogues.

IN   sources/{source}.yaml                  where the raw files are, or which world makes them
OUT  data/raw/{source}/                     raw files (DVC keeps the published ones)
     data/tables/{source}-{key}/            interactions, items, quarantine
     data/sessions/{source}-{key}/          train, valid and test.parquet, items.parquet, split.json
     data/catalogues/{source}-{key}/        items, attributes, captions, pictures in shards
     data/dialogues/{source}-{key}/         dialogues, captions, items in parts, split.json
     data/pairs/{source}-{key}/             pairs of answers in parts, words, split.json
     data/readings/{source}-{key}/          measured words of sentences in parts, words, split.json
"""


rule fetch:
    """Download, copy from a mirror, or generate one source; check every hash."""
    input:
        lambda wildcards: raw_seal(wildcards.source),
    output:
        update("data/raw/{source}/fetched.json"),  # holds what the first fetch found
    log:
        "data/raw/{source}.log",
    priority: urgency(raw)
    localrule: True  # a cluster's nodes may have no network
    params:
        arguments=lambda wildcards, output: arguments(
            raw(wildcards), output=folder(output), mirror=config["mirror"]
        ),
    message:
        "fetch {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/fetch.py {params.arguments} 2>&1 | tee -a {log:q}"


rule read:
    """Read one source into tidy tables; set malformed lines aside."""
    input:
        lambda wildcards: tables(wildcards).records,
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
    priority: urgency(tables)
    params:
        arguments=lambda wildcards, output: arguments(tables(wildcards), output=folder(output)),
    message:
        "read {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/read.py {params.arguments} 2>&1 | tee -a {log:q}"


rule split:
    """Filter, cut into sessions and split; check the split for leaks."""
    input:
        lambda wildcards: sessions(wildcards).records,
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
    priority: urgency(sessions)
    params:
        arguments=lambda wildcards, output: arguments(sessions(wildcards), output=folder(output)),
    message:
        "split {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/split.py {params.arguments} 2>&1 | tee -a {log:q}"


rule build_catalogue:
    """Read one source of pictures, or of titles alone, into a catalogue; set damaged ones aside."""
    input:
        lambda wildcards: catalogue(wildcards).records,
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
    priority: urgency(catalogue)
    params:
        arguments=lambda wildcards, output: arguments(catalogue(wildcards), output=folder(output)),
    message:
        "build_catalogue {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/build_catalogue.py {params.arguments} 2>&1 | tee -a {log:q}"


rule make_dialogues:
    """Decide who looks for which item, with which past; part items or users; write the captions."""
    input:
        lambda wildcards: dialogues(wildcards).records,
    output:
        multiext(
            f"{DIALOGUES}/", "items.parquet", "dialogues.parquet", "captions.parquet", "split.json"
        ),
    log:
        f"{DIALOGUES}/make_dialogues.log",
    priority: urgency(dialogues)
    params:
        arguments=lambda wildcards, output: arguments(dialogues(wildcards), output=folder(output)),
    message:
        "make_dialogues {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/make_dialogues.py {params.arguments} 2>&1 | tee -a {log:q}"


rule make_pairs:
    """Read preferences into pairs of answers, filter them, part them by their prompts."""
    input:
        lambda wildcards: pairs(wildcards).records,
    output:
        multiext(
            f"{PAIRS}/",
            "train.parquet",
            "valid.parquet",
            "test.parquet",
            "items.parquet",
            "split.json",
        ),
    log:
        f"{PAIRS}/make_pairs.log",
    priority: urgency(pairs)
    params:
        arguments=lambda wildcards, output: arguments(pairs(wildcards), output=folder(output)),
    message:
        "make_pairs {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/make_pairs.py {params.arguments} 2>&1 | tee -a {log:q}"


rule make_readings:
    """Read sentences whose words were looked at, and part them."""
    input:
        lambda wildcards: readings(wildcards).records,
    output:
        multiext(
            f"{READINGS}/",
            "train.parquet",
            "valid.parquet",
            "test.parquet",
            "items.parquet",
            "split.json",
        ),
    log:
        f"{READINGS}/make_readings.log",
    priority: urgency(readings)
    params:
        arguments=lambda wildcards, output: arguments(readings(wildcards), output=folder(output)),
    message:
        "make_readings {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/make_readings.py {params.arguments} 2>&1 | tee -a {log:q}"
