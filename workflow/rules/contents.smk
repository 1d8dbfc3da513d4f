"""Titles and pictures to networks that read them and to what these make of each item, level by level.

IN   data/sessions/{source}-{key}/ with the raw files behind it, or data/catalogues/… for a network of ours
OUT  data/contents/{source}-{key}/                  titles, pictures in shards, contents.json
     data/networks/{network}-{key}/                 a BERT or ViT of ours, where none can be fetched
     data/levels/{source}-{key}/{network}-{key}/    hidden levels in memory-mapped shards, features.json
"""


rule make_contents:
    """Collect titles and pictures of the items of a split."""
    input:
        lambda wildcards: contents(wildcards).records,
    output:
        multiext(f"{CONTENTS}/", "contents.parquet", "contents.json"),
    log:
        f"{CONTENTS}/make_contents.log",
    priority: urgency(contents)
    params:
        arguments=lambda wildcards, output: arguments(contents(wildcards), output=folder(output)),
    message:
        "make_contents {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/make_contents.py {params.arguments} 2>&1 | tee -a {log:q}"


rule learn_network:
    """Train a small network of words or of pictures on a catalogue of which nothing is recommended there."""
    input:
        lambda wildcards: network(wildcards).records,
    output:
        f"{NETWORK}/encoder.json",
    log:
        f"{NETWORK}/learn_network.log",
    priority: urgency(network)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(network(wildcards), output=folder(output)),
    message:
        "learn_network {wildcards.network}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/learn_network.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule write_levels:
    """Read every item with a frozen network; goes on where a killed job stopped."""
    input:
        lambda wildcards: levels(wildcards).records,
    output:
        f"{LEVELS}/features.json",
    log:
        f"{LEVELS}/write_levels.log",
    priority: urgency(levels)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(
            levels(wildcards),
            output=folder(output),
            checkpoint_dir=f".recloop/levels/{wildcards.key}",
        ),
    message:
        "write_levels {wildcards.source} with {wildcards.network}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/write_levels.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"
