"""Rule `evaluate`: ranks and lists to metrics, without the model."""

from jsonargparse import auto_cli

from recloop.evaluation.run import score

if __name__ == "__main__":
    auto_cli(score, as_positional=False)
