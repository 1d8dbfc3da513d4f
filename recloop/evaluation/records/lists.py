"""Records of lists of next items."""

from recloop.evaluation import catalogue, ranking, rewards
from recloop.evaluation.metric import EVENT, SESSION, SYSTEM, Metric

ITEMS = "items of the data set after its filters, whichever part shows them"

RECORDS = (
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
)
