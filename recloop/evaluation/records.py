"""All metrics, one record each. To add one, write its function and its record; nothing else names metrics.

Evaluation, intervals, tables and claims go by the record; its fields are explained in `recloop.evaluation.metric`.
"""

from collections.abc import Iterable

from recloop.evaluation import (
    catalogue,
    costs,
    filters,
    judged,
    ranking,
    rewards,
    steps,
    tastes,
    turns,
    visits,
    wording,
)
from recloop.evaluation.metric import EVENT, SESSION, SYSTEM, TURN, Metric
from recloop.storage.settings import nearest

RANKED = "events whose next item is among the first k, exact under ties"
ITEMS = "items of the data set after its filters, whichever part shows them"

METRICS: dict[str, Metric] = {}


class UnknownMetric(ValueError):
    """A name without a record."""


def register(*metrics: Metric) -> None:
    """Add metrics to those that are known.

    Raises:
        ValueError: a name that is taken.
    """
    for metric in metrics:
        if metric.name in METRICS:
            raise ValueError(f"There is a metric {metric.name} already.")
        METRICS[metric.name] = metric


# What lists of other kinds lack, by kind.
OF_EPISODES = {"absent": steps.in_lists, "why_absent": steps.WHY}
OF_COSTS = {"absent": costs.beside, "why_absent": costs.WHY}
OF_PAIRS = {"absent": judged.elsewhere, "why_absent": judged.WHY_PAIRS}
OF_WORDS = {"absent": judged.elsewhere, "why_absent": judged.WHY_WORDS}
OF_TEXTS = {"absent": wording.in_lists, "why_absent": wording.WHY}
OF_VISITS = {
    "absent": steps.in_lists,
    "why_absent": "it is of sessions with users, lists of next items have none",
}
OF_ANSWERS = {"absent": tastes.elsewhere, "why_absent": tastes.WHY}

register(
    Metric(
        "HR",
        ranking.scores_of("HR"),
        EVENT,
        "Share of the events whose next item is among the first k.",
        filters="all",
    ),
    Metric(
        "NDCG",
        ranking.scores_of("NDCG"),
        EVENT,
        "1 / log2(rank + 1) of the next item, 0 below the first k; mean over events.",
        filters="all",
    ),
    Metric(
        "MRR",
        ranking.scores_of("MRR"),
        EVENT,
        "1 / rank of the next item, 0 below the first k; mean over events.",
        filters=True,
    ),
    Metric(
        "Novelty",
        catalogue.novelty,
        EVENT,
        "Mean self-information of the listed items, -log2 of their share of the training events, in bits.",
        digits=2,
        needs=("counts",),
    ),
    Metric(
        "ILD",
        catalogue.within_lists,
        EVENT,
        "One minus the mean cosine over the pairs of a list.",
        needs=("vectors",),
    ),
    Metric(
        "UP_event",
        catalogue.unmet,
        EVENT,
        "Listed items that the user has not met in earlier sessions; mean over events.",
        needs=("users",),
    ),
    Metric(
        "UP",
        catalogue.unmet_by_session,
        SESSION,
        "Listed items that the user has not met in earlier sessions; mean over the events of a session, then over "
        "sessions.",
        needs=("users",),
    ),
    Metric(
        "Repetitiveness",
        catalogue.repetitions,
        SESSION,
        "Slots minus distinct items over all lists of a session; mean over sessions.",
        label="R",
        direction=-1,
        digits=2,
    ),
    Metric(
        "Reward",
        rewards.of_hits,
        EVENT,
        "Reward of the events whose next item is among the first k; sum over events.",
        total=True,
        digits=1,
        needs=("rewards",),
    ),
    Metric(
        "Yield",
        rewards.of_lists,
        EVENT,
        "Mean reward that the training events of the listed items had.",
        needs=("rewards", "counts", "purchases"),
        absent=rewards.nothing_bought,
        why_absent="nothing was bought in training, so that all items earn alike",
    ),
    Metric(
        "CV_div",
        catalogue.coverage_of(catalogue.every_item),
        SYSTEM,
        f"Share of the items that some list shows; counted are all {ITEMS}.",
        needs=("counts",),
        resample=catalogue.resampled_coverage(catalogue.every_item),
    ),
    Metric(
        "CV_nov",
        catalogue.coverage_of(catalogue.novel_items),
        SYSTEM,
        f"Share of the novel items that some list shows. Novel are the less popular of all {ITEMS}.",
        needs=("counts", "novel"),
        absent=catalogue.nothing_novel,
        why_absent="no item is novel",
        resample=catalogue.resampled_coverage(catalogue.novel_items),
    ),
    Metric(
        "Gini",
        catalogue.gini_of_lists,
        SYSTEM,
        f"How unequally the slots of all lists are spread, 0 to 1, over all {ITEMS}.",
        direction=-1,
        needs=("counts",),
        resample=catalogue.resampled_gini,
    ),
    Metric(
        "SR",
        turns.solved,
        TURN,
        "Share of the dialogues whose target was shown by this turn.",
    ),
    *(
        Metric(
            f"NDCG@{n}",
            turns.gain_within(n),
            TURN,
            f"1 / log2(rank + 1) of the target at this turn, 0 below the first {n}; 1 once it was shown.",
        )
        for n in (3, 10)
    ),
)


register(
    Metric(
        "Return",
        steps.returns,
        SESSION,
        "Sum of the rewards of an episode; mean over the episodes of a user, then over users.",
        digits=2,
        **OF_EPISODES,
    ),
    Metric(
        "Length",
        steps.lengths,
        SESSION,
        "Items shown in an episode; mean over the episodes of a user, then over users.",
        digits=2,
        **OF_EPISODES,
    ),
    Metric(
        "AvgReward",
        steps.rewards,
        EVENT,
        "Mean reward of a shown item: all rewards over all lengths.",
        digits=3,
        **OF_EPISODES,
    ),
)

register(
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
)

register(
    Metric(
        "Accuracy",
        judged.accuracy,
        EVENT,
        "Share of the pairs whose chosen answer has the higher reward; a tie is half.",
        **OF_PAIRS,
    ),
    Metric(
        "PairLoss",
        judged.pair_loss,
        EVENT,
        "-log sigmoid of the reward of the chosen answer over that of the rejected one; mean over pairs.",
        direction=-1,
        **OF_PAIRS,
    ),
    Metric(
        "MAE",
        judged.error,
        EVENT,
        "Absolute error of what a reader says of a word, mean over its measures and over words.",
        direction=-1,
        digits=3,
        **OF_WORDS,
    ),
    Metric(
        "MAE_nFix",
        judged.error_of("nFix"),
        EVENT,
        "Absolute error of the number of fixations of a word (nFix); mean over words.",
        direction=-1,
        digits=3,
        **OF_WORDS,
    ),
    Metric(
        "MAE_FFD",
        judged.error_of("FFD"),
        EVENT,
        "Absolute error of the first fixation of a word (FFD); mean over words.",
        direction=-1,
        digits=3,
        **OF_WORDS,
    ),
    Metric(
        "MAE_GPT",
        judged.error_of("GPT"),
        EVENT,
        "Absolute error of the go-past time of a word (GPT); mean over words.",
        direction=-1,
        digits=3,
        **OF_WORDS,
    ),
    Metric(
        "MAE_TRT",
        judged.error_of("TRT"),
        EVENT,
        "Absolute error of the total reading time of a word (TRT); mean over words.",
        direction=-1,
        digits=3,
        **OF_WORDS,
    ),
    Metric(
        "MAE_fixProp",
        judged.error_of("fixProp"),
        EVENT,
        "Absolute error of the share of readers who fixate of a word (fixProp); mean over words.",
        direction=-1,
        digits=3,
        **OF_WORDS,
    ),
)


register(
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

register(
    Metric(
        "SentenceBLEU",
        wording.column("bleu"),
        EVENT,
        "BLEU-4 of the generated words against the next item's, one added to longer n-grams; mean over events.",
        label="BLEU",
        **OF_TEXTS,
    ),
    Metric(
        "ROUGE",
        wording.column("rouge"),
        EVENT,
        "ROUGE-L (F1) of the generated words against those of the next item; mean over events.",
        **OF_TEXTS,
    ),
    Metric(
        "BERTScore",
        wording.column("bert"),
        EVENT,
        "F1 of tokens matched by their states in the language model at hand, no idf, not rescaled; mean over events.",
        **OF_TEXTS,
    ),
    Metric(
        "Recyclable",
        wording.column("says_recyclable"),
        EVENT,
        "Share of the generated texts that name a recyclable material; asked for it were models that can be.",
        label="Recy.",
        digits=3,
        **OF_TEXTS,
    ),
    Metric(
        "Restricted",
        wording.column("says_restricted"),
        EVENT,
        "Share of the generated texts that name a restriction; asked for none were models that can be.",
        label="Rest.",
        direction=-1,
        digits=3,
        **OF_TEXTS,
    ),
    Metric(
        "Pop",
        wording.column("says_pop"),
        EVENT,
        "Share of the generated texts that name pop music.",
        digits=3,
        **OF_TEXTS,
    ),
    Metric(
        "Country",
        wording.column("says_country"),
        EVENT,
        "Share of the generated texts that name country music.",
        digits=3,
        **OF_TEXTS,
    ),
    Metric(
        "Milliseconds",
        wording.column("milliseconds"),
        EVENT,
        "Time to generate the latent of one user's next item, in large batches.",
        label="ms",
        direction=-1,
        digits=2,
        **OF_TEXTS,
    ),
)

register(
    Metric(
        "Success",
        visits.successes,
        SESSION,
        "Share of the sessions in which an item with all wanted attributes was shown within k turns.",
        label="SR",
        digits=3,
        **OF_VISITS,
    ),
    Metric(
        "NI",
        visits.interactions,
        SESSION,
        "Turns until an item with all wanted attributes was shown, all there are where none was; mean over sessions.",
        direction=-1,
        digits=2,
        **OF_VISITS,
    ),
    Metric(
        "NV",
        visits.violations,
        SESSION,
        "Attributes of shown items that contradict what was said before, by the true values, added up over a session; "
        "mean over sessions.",
        direction=-1,
        digits=2,
        **OF_VISITS,
    ),
    Metric(
        "Named",
        visits.named,
        SESSION,
        "Share of what was named rightly: attributes of test pictures, or what a written comment says.",
        digits=3,
        **OF_VISITS,
    ),
)

register(
    Metric(
        "MicroF1",
        tastes.f1("both"),
        EVENT,
        "2 TP / (said + true) over all users and genres, liked and disliked; an answer that cannot be read is empty.",
        label="F1 (micro)",
        weigh=tastes.labels("both"),
        **OF_ANSWERS,
    ),
    Metric(
        "MacroF1",
        tastes.macro_f1,
        SYSTEM,
        "Mean of the F1 of each genre as liked and as disliked, over those that some user has.",
        label="F1 (macro)",
        resample=tastes.resampled_macro_f1,
        **OF_ANSWERS,
    ),
    Metric(
        "UserF1",
        tastes.f1("both"),
        EVENT,
        "F1 of each user's genres; mean over users.",
        label="F1 (users)",
        **OF_ANSWERS,
    ),
    Metric(
        "LikedF1",
        tastes.f1("liked"),
        EVENT,
        "Micro F1 over the liked genres alone.",
        label="F1 liked",
        weigh=tastes.labels("liked"),
        **OF_ANSWERS,
    ),
    Metric(
        "DislikedF1",
        tastes.f1("disliked"),
        EVENT,
        "Micro F1 over the disliked genres alone.",
        label="F1 disliked",
        weigh=tastes.labels("disliked"),
        **OF_ANSWERS,
    ),
    Metric(
        "ParseFailures",
        tastes.failures,
        EVENT,
        "Share of the answers that the grammar of answers does not have.",
        label="unread",
        direction=-1,
        digits=3,
        **OF_ANSWERS,
    ),
    Metric(
        "Tokens",
        tastes.tokens,
        EVENT,
        "Positions of the language model's input per query, soft tokens among them; 0 without a language model.",
        label="tokens",
        direction=-1,
        digits=1,
        **OF_ANSWERS,
    ),
    Metric(
        "GFLOPs",
        tastes.giga_flops,
        EVENT,
        "Floating-point operations of a query in thousand millions, with its answer and the padding of its batch; "
        "histories are encoded before, once for each interaction.",
        direction=-1,
        digits=3,
        **OF_ANSWERS,
    ),
)


def find(name: str) -> tuple[Metric, tuple[str, ...]]:
    """Look a metric up: `HR_purchase_new` is HR with two filters, `SR_cold` is SR for one group of users.

    Raises:
        ValueError: a filter that is not known.
        UnknownMetric: no such metric.
    """
    if name in METRICS:
        return METRICS[name], ()
    base, _, rest = name.partition("_")
    metric = METRICS.get(base)
    if metric and metric.unit == TURN:
        return metric, (rest,)
    if not metric or not metric.filters:
        raise UnknownMetric(f"No metric '{name}'{nearest(base, METRICS)}.")
    return metric, filters.check(name, tuple(rest.split("_")))


def describe(names: Iterable[str]) -> dict[str, str]:
    """Describe the metrics behind some names, each once by its label; measures without a record are left out."""
    found = [record(name) for name in names]
    return {metric.label or metric.name: metric.description for metric in found if metric}


def record(name: str) -> Metric | None:
    """Look up the record of a metric; None for a measure that has none, such as those of simulated users."""
    try:
        return find(name)[0]
    except UnknownMetric:
        return None


def direction(name: str) -> int:
    """Return 1 where a higher value is better, -1 where a lower one is; 1 where there is no record."""
    metric = record(name)
    return metric.direction if metric else 1


def needs(name: str) -> tuple[str, ...]:
    """List the facts that a metric and its filters need."""
    metric = record(name)
    if not metric:
        return ()
    weighed = metric.filters and filters.INVERSE in find(name)[1]
    return metric.needs + (("counts",) if weighed else ())


def why_absent(name: str) -> str | None:
    """Explain why a metric was asked for and not computed, as far as its record or its filters know."""
    metric = record(name)
    if not metric:
        return None
    return metric.why_absent or (filters.why_absent(find(name)[1]) if metric.filters else None)
