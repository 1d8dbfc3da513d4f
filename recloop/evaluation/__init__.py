"""From saved ranks and lists to metrics, statistics and verdicts on claims; only `ranker` runs a model."""

from recloop.evaluation.metrics import evaluate, per_event, per_session

__all__ = ["evaluate", "per_event", "per_session"]
