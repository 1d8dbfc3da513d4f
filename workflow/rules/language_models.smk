"""Texts to language models and to what they see in texts.

IN   data/catalogues/{source}-{key}/, or data/tables/…
     data/pairs/{source}-{key}/, weights of a reader
OUT  data/corpora/{source}-{key}/                texts of items, as one Arrow file
     data/language_models/{model}-{key}/         a language model of ours, where none can be fetched
     data/item_tokens/{source}-{key}/{model}-{key}/   a token for each item of a split
     data/states/{source}-{key}/{model}-{key}/   hidden states in memory-mapped shards, features.json
     data/gaze/{source}-{key}/{model}-{key}/     how a reader looks at the answers of pairs, gaze.json
"""


rule make_corpus:
    """Write what is known of items, and what people said of them, as sentences."""
    input:
        lambda wildcards: corpus(wildcards).records,
    output:
        multiext(f"{CORPUS}/", "texts.arrow", "corpus.json"),
    log:
        f"{CORPUS}/make_corpus.log",
    priority: urgency(corpus)
    params:
        arguments=lambda wildcards, output: arguments(corpus(wildcards), output=folder(output)),
    message:
        "make_corpus {wildcards.source}"
    shell:
        "RECLOOP_LOG={log:q} {JOB}/make_corpus.py {params.arguments} 2>&1 | tee -a {log:q}"


rule pretrain_language_model:
    """Train a small language model until it is better than counting."""
    input:
        lambda wildcards: language_model(wildcards).records,
    output:
        f"{LANGUAGE_MODEL}/model.json",
    log:
        f"{LANGUAGE_MODEL}/pretrain_language_model.log",
    priority: urgency(language_model)
    threads: shared_by(language_model, THREADS)
    resources:
        gpu=shared_by(language_model, int(GPU)),
    params:
        arguments=lambda wildcards, output: arguments(
            language_model(wildcards), output=folder(output)
        ),
    message:
        "pretrain_language_model {wildcards.model}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/pretrain_language_model.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule learn_item_tokens:
    """Condense what each item is called into one token; goes on where a killed job stopped."""
    input:
        lambda wildcards: item_tokens(wildcards).records,
    output:
        multiext(f"{ITEM_TOKENS}/", "tokens.safetensors", "tokens.json"),
    log:
        f"{ITEM_TOKENS}/learn_item_tokens.log",
    priority: urgency(item_tokens)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(item_tokens(wildcards), output=folder(output)),
    message:
        "learn_item_tokens of {wildcards.source}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/learn_item_tokens.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule write_states:
    """Read the texts of items with a language model; goes on where a killed job stopped."""
    input:
        lambda wildcards: states(wildcards).records,
    output:
        f"{STATES}/features.json",
    log:
        f"{STATES}/write_states.log",
    priority: urgency(states)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(
            states(wildcards),
            output=folder(output),
            checkpoint_dir=f".recloop/states/{wildcards.key}",
        ),
    message:
        "write_states {wildcards.source} with {wildcards.model}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/write_states.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule write_gaze:
    """Let a trained reader read the answers of pairs, once for all reward models."""
    input:
        lambda wildcards: gaze(wildcards).records,
    output:
        f"{GAZE}/gaze.json",
    log:
        f"{GAZE}/write_gaze.log",
    priority: urgency(gaze)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(gaze(wildcards), output=folder(output)),
    message:
        "write_gaze {wildcards.source} by {wildcards.model}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/write_gaze.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"
