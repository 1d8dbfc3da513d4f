"""Captions and logs to simulated users and models of users, and how good these are.

IN   data/dialogues/{source}-{key}/captions.parquet, data/features/…, or data/sessions/… with data/tables/… or data/item_tokens/…
OUT  data/simulators/{source}-{key}/{user}-{key}/        weights, vocabulary, curve, record
     data/user_models/{source}-{key}/{user}-{key}/       what it predicts, or its weights; record
     data/preferences/{source}-{key}/{user}-{key}/       what a language model says that users prefer; record
     data/answers/                                       every prompt of it with its answer, by model
     data/feedback/{source}-{key}/{user}-{key}/          an environment's answers to the training part
     results/{study}/validity/{dataset}/{user}-{key}/    measures on held-out pairs
"""


rule train_simulator:
    """Train one relative captioner or one environment, or convert a published captioner."""
    input:
        lambda wildcards: simulator(wildcards).records,
    output:
        multiext(
            f"{USER}/", "weights.safetensors", "vocabulary.json", "curve.csv", "simulator.json"
        ),
    log:
        f"{USER}/train_simulator.log",
    priority: urgency(simulator)
    threads: shared_by(simulator, THREADS)
    resources:
        gpu=shared_by(simulator, int(GPU)),
    params:
        job=lambda wildcards: reader(simulator(wildcards)),
        arguments=lambda wildcards, output: arguments(simulator(wildcards), output=folder(output)),
    message:
        "train_simulator {wildcards.user} on {wildcards.source}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {params.job}/train_simulator.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule write_feedback:
    """Ask an environment about every step of the training part; goes on where a killed job stopped."""
    input:
        lambda wildcards: feedback(wildcards).records,
    output:
        multiext(f"{FEEDBACK}/", "feedback.safetensors", "feedback.json"),
    log:
        f"{FEEDBACK}/write_feedback.log",
    priority: urgency(feedback)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        job=lambda wildcards: reader(feedback(wildcards)),
        arguments=lambda wildcards, output: arguments(feedback(wildcards), output=folder(output)),
    message:
        "write_feedback {wildcards.user} on {wildcards.source}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {params.job}/write_feedback.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule train_user_model:
    """Train a model of users, whose scores are the rewards of an environment."""
    input:
        lambda wildcards: user_model(wildcards).records,
    output:
        multiext(f"{USER_MODEL}/", "user_model.safetensors", "user_model.json"),
    log:
        f"{USER_MODEL}/train_user_model.log",
    priority: urgency(user_model)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(user_model(wildcards), output=folder(output)),
    message:
        "train_user_model {wildcards.user} on {wildcards.source}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {JOB}/train_user_model.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule tell_preferences:
    """Ask a language model what users prefer; what it answered before is not asked again."""
    input:
        lambda wildcards: preferences(wildcards).records,
    output:
        multiext(f"{PREFERENCES}/", "preferences.safetensors", "preferences.json"),
    log:
        f"{PREFERENCES}/tell_preferences.log",
    priority: urgency(preferences)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(preferences(wildcards), output=folder(output)),
    message:
        "tell_preferences {wildcards.user} of {wildcards.source}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/tell_preferences.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"


rule evaluate_simulator:
    """Judge a simulated user on held-out pairs: its words, their truth, and what a listener gains."""
    input:
        lambda wildcards: judged_user(wildcards).records,
    output:
        VALIDITY,
    log:
        "results/{study}/validity/{dataset}/{user}-{key}/evaluate_simulator.log",
    priority: lambda wildcards: priority(wildcards.study)
    threads: THREADS
    resources:
        gpu=int(GPU),
    params:
        arguments=lambda wildcards, output: arguments(judged_user(wildcards), output=output[0]),
    message:
        "evaluate_simulator {wildcards.user} on {wildcards.dataset}"
    shell:
        "RECLOOP_GPUS={resources.gpu} RECLOOP_LOG={log:q} {LANGUAGE_JOB}/evaluate_simulator.py {params.arguments} --device {DEVICE} --threads {threads} 2>&1 | tee -a {log:q}"
