"""Pictures to what an encoder sees in them.

IN   data/catalogues/{source}-{key}/
OUT  data/encoders/{encoder}-{key}/               an encoder of ours, where none can be fetched
     data/features/{source}-{key}/{encoder}-{key}/ memory-mapped shards, features.json
"""


rule pretrain:
    """Train a small encoder of our own on a catalogue that no dialogue uses."""
    input:
        lambda wildcards: encoder(wildcards).records,
    output:
        f"{ENCODER}/encoder.json",
    log:
        f"{ENCODER}/pretrain.log",
    priority: urgency(encoder)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(encoder(wildcards), output=folder(output)),
    message:
        "pretrain {wildcards.encoder}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/pretrain.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule encode:
    """Encode every picture of a catalogue; goes on where a killed job stopped."""
    input:
        lambda wildcards: features(wildcards).records,
    output:
        f"{FEATURES}/features.json",
    log:
        f"{FEATURES}/encode.log",
    priority: urgency(features)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(
            features(wildcards),
            output=folder(output),
            checkpoint_dir=f".recloop/features/{wildcards.key}",
        ),
    message:
        "encode {wildcards.source} with {wildcards.encoder}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/encode.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"
