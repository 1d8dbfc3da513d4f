"""What intents know: of what users then did, and of the truth that a world plants.

Lists of a model with intents have the columns `intent` (the mean of the prior), `alike` (the next item is of a kind
with the last one), `time` and `user`; of a VAE also `posterior`, `elbo` and `kl`; on an embedded world `planted`. All
measures are ours: the paper prints none.
"""

from pathlib import Path

import numpy as np
import polars as pl
from scipy.cluster.vq import ClusterError, kmeans2
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from recloop.evaluation import metrics
from recloop.evaluation.catalogue import session_codes

CLUSTERS = 4  # ours: as many as the embedded world has intents
STARTS = 5  # of k-means, of which the tightest is kept
RIDGE = 1e-3  # of the probe, on standardised inputs
ACTIVE = 0.01  # Burda et al. Importance Weighted Autoencoders. ICLR 2016
ATTRIBUTES = (
    "purchase",
    "repeated",
    "alike",
)  # of behaviour, which probes and mutual information are about
DESCRIPTIONS = {
    "ARI": "Adjusted Rand index between clusters of prior means and the planted intents; 0 is chance.",
    "ARI_posterior": "The same for posterior means, which have read what the user did.",
    "MI": "Mutual information between clusters of prior means and what the user then did, in bits.",
    **{
        f"AUC_{one}": "Of a linear probe from prior means, on sessions that it has not seen."
        for one in ATTRIBUTES
    },
    "active": f"Coordinates of the posterior mean whose variance over events is above {ACTIVE}.",
    "ELBO": "Evidence lower bound of the behaviour of test events, in nats.",
    "KL": "Divergence of the posterior from the prior, in nats.",
}


def judge(rows: pl.DataFrame, split: Path, evaluation: dict, vectors: Path | None) -> pl.DataFrame:
    """Compute the metrics of all sequences, and, at cut-off 0, the measures of intents."""
    found = metrics.judge(rows, split, evaluation, vectors)
    about = [(name, 0, value) for name, value in measures(rows).items()]
    return pl.concat([found, pl.DataFrame(about, schema=found.schema, orient="row")])


def measures(lists: pl.DataFrame) -> dict[str, float]:
    """Compute all measures that the columns of some lists allow."""
    if "intent" not in lists.columns:
        return {}
    intents = matrix(lists, "intent")
    found = {"MI": mutual_information(clusters(intents), behaviour(lists))}
    for name in ATTRIBUTES:
        area = probe(intents, lists[name].to_numpy(), session_codes(lists)[0])
        found |= {} if area is None else {f"AUC_{name}": area}
    known = "planted" in lists.columns and lists["planted"].null_count() < len(lists)
    found |= recovered("ARI", lists, "intent") if known else {}
    if "posterior" in lists.columns:
        found |= recovered("ARI_posterior", lists, "posterior") if known else {}
        found["active"] = float((matrix(lists, "posterior").var(0) > ACTIVE).sum())
        found |= {"ELBO": lists["elbo"].mean(), "KL": lists["kl"].mean()}
    return found


def matrix(lists: pl.DataFrame, column: str) -> np.ndarray:
    """Read a column of vectors."""
    return np.asarray(lists[column].to_numpy(), dtype=float).reshape(len(lists), -1)


def clusters(points: np.ndarray, number: int = CLUSTERS) -> np.ndarray:
    """Part points by k-means: the cluster of each, from the tightest of some seeded starts."""
    points = points + 0.0
    if len(np.unique(points, axis=0)) <= number:
        return np.unique(points, axis=0, return_inverse=True)[1].ravel()
    tries = [found for seed in range(STARTS) if (found := parted(points, number, seed))]
    if not tries:  # so many have no room among points that lie so close together
        return clusters(points, number - 1)
    spread = [((points - centres[label]) ** 2).sum() for centres, label in tries]
    return tries[int(np.argmin(spread))][1]


def parted(points: np.ndarray, number: int, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Run k-means from one start: centres, and the cluster of each point; None where a cluster went empty."""
    try:
        return kmeans2(points, number, minit="++", seed=seed, missing="raise")
    except ClusterError:
        return None


def behaviour(lists: pl.DataFrame) -> np.ndarray:
    """Give every combination of the attributes of behaviour a number."""
    marks = np.stack([lists[name].to_numpy() for name in ATTRIBUTES], axis=1).astype(int)
    return marks @ (1 << np.arange(len(ATTRIBUTES)))


def table(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Count how often two labellings meet."""
    (rows, a), (columns, b) = (np.unique(x, return_inverse=True) for x in (one, other))
    return np.bincount(a * len(columns) + b, minlength=len(rows) * len(columns)).reshape(
        len(rows), -1
    )


def mutual_information(one: np.ndarray, other: np.ndarray) -> float:
    """Compute the mutual information of two labellings, in bits."""
    joint = table(one, other) / len(one)
    alone = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    kept = joint > 0
    return float((joint[kept] * np.log2(joint[kept] / alone[kept])).sum())


def adjusted_rand(one: np.ndarray, other: np.ndarray) -> float:
    """Compare two partitions: 1 if they are the same, 0 on average by chance (Hubert and Arabie 1985)."""
    met = table(one, other)
    both, rows, columns, all_pairs = (
        (count * (count - 1) / 2).sum()
        for count in (met, met.sum(1), met.sum(0), np.array([met.sum()]))
    )
    chance = rows * columns / max(all_pairs, 1)
    most = (rows + columns) / 2
    return float((both - chance) / (most - chance)) if most > chance else 0.0


def recovered(name: str, lists: pl.DataFrame, column: str) -> dict[str, float]:
    """Compare the clusters of a column with the planted intents."""
    rows = lists.filter(pl.col("planted").is_not_null())
    return {name: adjusted_rand(clusters(matrix(rows, column)), rows["planted"].to_numpy())}


def probe(points: np.ndarray, marks: np.ndarray, sessions: np.ndarray) -> float | None:
    """Fit a logistic probe on every other session; return its AUC on the rest, None where a class is missing."""
    fit, marks = sessions % 2 == 0, marks.astype(float)
    if any(len(np.unique(marks[part])) < 2 for part in (fit, ~fit)):
        return None
    scale = points[fit].std(0)
    inputs = (points - points[fit].mean(0)) / np.where(scale > 0, scale, 1)
    inputs = np.concatenate([inputs, np.ones((len(inputs), 1))], axis=1)
    learnt, told = inputs[fit], marks[fit]

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = learnt @ weights
        value = (np.logaddexp(0, scores) - told * scores).mean() + RIDGE * weights @ weights / 2
        return value, learnt.T @ (expit(scores) - told) / len(told) + RIDGE * weights

    weights = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B").x
    return area_under_curve(inputs[~fit] @ weights, marks[~fit])


def area_under_curve(scores: np.ndarray, marks: np.ndarray) -> float:
    """Compute the chance that a marked event scores above another one, ties half."""
    marked = marks > 0
    number, others = marked.sum(), (~marked).sum()
    above = rankdata(scores)[marked].sum() - number * (number + 1) / 2
    return float(above / (number * others))
