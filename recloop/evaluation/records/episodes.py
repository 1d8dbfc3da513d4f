"""Records of episodes, in which an agent shows a user item after item."""

from recloop.evaluation import steps
from recloop.evaluation.metric import EVENT, SESSION, Metric

OF_EPISODES = {"absent": steps.in_lists, "why_absent": steps.WHY}

RECORDS = (
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
