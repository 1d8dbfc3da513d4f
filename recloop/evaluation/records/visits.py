"""Records of sessions with users who look for attributes."""

from recloop.evaluation import steps, visits
from recloop.evaluation.metric import SESSION, Metric

OF_VISITS = {
    "absent": steps.in_lists,
    "why_absent": "it is of sessions with users, lists of next items have none",
}

RECORDS = (
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
