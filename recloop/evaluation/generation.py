"""Generated items: how like the true ones their words are, and which attributes they name.

Lists of a model that says items have the columns `text`, `meant`, `bleu`, `rouge`, `bert` and `says_{attribute}`,
those of one that generates latents `milliseconds`; what a run does not have, it has no measure of. Whole lists are
judged, so that the cut-off of all of these is 0.
"""

from pathlib import Path

import polars as pl

from recloop.evaluation import metrics

COLUMNS = {
    "SentenceBLEU": "bleu",
    "ROUGE": "rouge",
    "BERTScore": "bert",
    "Recyclable": "says_recyclable",
    "Restricted": "says_restricted",
    "Pop": "says_pop",
    "Country": "says_country",
    "Milliseconds": "milliseconds",
}
WHOLE = 0  # the cut-off


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute the metrics of all sequences, and, at cut-off 0, what the words of a run allow."""
    found = metrics.judge(rows, split, evaluation, vectors)
    names = [name for name, column in COLUMNS.items() if column in rows.columns]
    about = [(name, WHOLE, metrics.value(rows, name, WHOLE)) for name in names]
    return pl.concat([found, pl.DataFrame(about, schema=found.schema, orient="row")])
