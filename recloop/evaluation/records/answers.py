"""Records of answers about tastes."""

from recloop.evaluation import tastes
from recloop.evaluation.metric import EVENT, SYSTEM, Metric

OF_ANSWERS = {"absent": tastes.elsewhere, "why_absent": tastes.WHY}

RECORDS = (
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
