"""Records of what a training took, which the lists of some tasks say."""

from recloop.evaluation import costs
from recloop.evaluation.metric import EVENT, Metric

OF_COSTS = {"absent": costs.beside, "why_absent": costs.WHY}

RECORDS = (
    Metric(
        "Seconds",
        costs.of("epoch_seconds"),
        EVENT,
        "Seconds of an epoch of the training, without validation: updates of an epoch times their median.",
        label="Seconds per epoch",
        direction=-1,
        digits=2,
        **OF_COSTS,
    ),
    Metric(
        "Memory",
        costs.of("epoch_memory"),
        EVENT,
        "Most memory of the first epoch beyond what was there before the model, in MiB: allocated on a GPU, resident "
        "without mapped files on a processor.",
        label="Peak memory (MiB)",
        direction=-1,
        digits=0,
        **OF_COSTS,
    ),
    Metric(
        "Learned",
        costs.of("trained_numbers"),
        EVENT,
        "Numbers that learn.",
        label="Trainable parameters",
        direction=-1,
        digits=0,
        **OF_COSTS,
    ),
    Metric(
        "FLOPs",
        costs.of("flops"),
        EVENT,
        "Operations of a forward pass of the loss for the user with the most items; a product and a sum are two.",
        direction=-1,
        digits=0,
        **OF_COSTS,
    ),
    Metric(
        "BatchSeconds",
        costs.of("batch_seconds"),
        EVENT,
        "Seconds of an update with a whole batch, the fastest of some.",
        label="s/batch",
        direction=-1,
        digits=3,
        **OF_COSTS,
    ),
)
