"""Records of dialogues, turn by turn."""

from recloop.evaluation import turns
from recloop.evaluation.metric import TURN, Metric

RECORDS = (
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
