"""Records of generated texts about next items."""

from recloop.evaluation import wording
from recloop.evaluation.metric import EVENT, Metric

OF_TEXTS = {"absent": wording.in_lists, "why_absent": wording.WHY}

RECORDS = (
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
