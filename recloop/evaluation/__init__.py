"""From saved ranks and lists to metrics, statistics and verdicts on claims; only `ranker` runs a model."""

from recloop.evaluation.metrics import DOWN, evaluate, per_event, per_session

__all__ = ["DOWN", "evaluate", "per_event", "per_session"]
