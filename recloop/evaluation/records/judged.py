"""Records of pairs of answers, and of words that a reader reads."""

from recloop.evaluation import judged
from recloop.evaluation.metric import EVENT, Metric

OF_PAIRS = {"absent": judged.elsewhere, "why_absent": judged.WHY_PAIRS}
OF_WORDS = {"absent": judged.elsewhere, "why_absent": judged.WHY_WORDS}

RECORDS = (
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
