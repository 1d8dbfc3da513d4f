"""What the lists of all events show together: coverage, repetitiveness, novelty, exposure, diversity within lists.

Conventions, where the literature has several:

- Coverage counts an item once however often it is listed. The base is every item of the data set after its filters,
  also one that only validation or test sessions show: all of them are ranked, so all of them can be listed.
- CV_nov counts novel items only, above and below the line. Novel are the items of `novel_items` (MODT4R, Sec 4.4.3).
- Repetitiveness of a session is slots shown minus distinct items shown, over all its lists (MODT4R, Eq. 4.20, which
  leaves "repetitions" undefined; this reading has the printed scale). A session with one list repeats nothing.
- Novelty is the mean self-information -log2(count / total) of the listed items, in bits (Zhou et al. PNAS 2010).
  An item that the training part never shows counts as shown once, so that the mean stays finite.
- Gini of exposure runs over the same items, those never listed included: 0 if all are shown equally often,
  1 - 1/items if one item takes every slot.
- ILD is one minus the mean cosine over the pairs of different positions of a list (Ziegler et al. WWW 2005, without
  the ordering); a zero vector has cosine 0 with everything, a list of one item has ILD 0.
- UP counts the listed items that the user has not met in earlier sessions (HDT, S5.4.3). The items of the present
  session do not count as met, and of an event they may be listed again. Counts are averaged over the events of the
  judged session, then over users; UP_event averages over all events at once. The chapter says neither.
- Where the catalogue is smaller than k, the list holds all there is.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from recloop.evaluation.bootstrap import Draws
from recloop.evaluation.halves import Halves
from recloop.evaluation.metric import Facts

CHUNK = 8192  # lists whose item vectors are held at once: 8192 x 20 x 64 floats are 42 MB


def top_items(lists: pl.DataFrame, k: int) -> np.ndarray:
    """Cut the lists at k: items of shape (events, k), best first."""
    top = lists["top"]
    if top.dtype == pl.List:
        lengths = top.list.len().unique()
        if len(lengths) > 1:
            raise ValueError(
                f"Lists of one length expected, found {sorted(lengths.to_list())}; rank all events alike."
            )
        top = top.list.to_array(lengths.item() if len(lengths) else 0)
    return np.asarray(top.to_numpy()).reshape(len(lists), -1)[:, :k]


def covered(top: np.ndarray, items: int) -> np.ndarray:
    """Mark the items that any list shows."""
    mask = np.zeros(items, dtype=bool)
    mask[top.ravel()] = True
    return mask


def coverage(top: np.ndarray, among: np.ndarray) -> float:
    """Share of the marked items that any list shows; the mask of all items gives CV_div, of the novel ones CV_nov."""
    return float(covered(top, len(among))[among].mean()) if among.any() else float("nan")


def session_codes(lists: pl.DataFrame) -> tuple[np.ndarray, int]:
    """Return each event's session number, from 0 by session id, and how many sessions there are."""
    sessions, codes = np.unique(lists["session"].to_numpy(), return_inverse=True)
    return codes, len(sessions)


def repetitions(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Slots shown minus distinct items shown, for every session in ascending order of its id. Eq. 4.20."""
    top = top_items(lists, k)
    codes, sessions = session_codes(lists)
    width = int(top.max(initial=0)) + 1
    distinct = np.unique((codes[:, None].astype(np.int64) * width + top).ravel()) // width
    slots = np.bincount(codes, minlength=sessions) * top.shape[1]
    return (slots - np.bincount(distinct, minlength=sessions)).astype(float)


def unmet(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Count the items of every list that its user has not met in earlier sessions."""
    if "familiar" not in lists.columns:
        raise ValueError(
            "UP needs the column 'familiar', which these lists have not; rank the run anew with "
            "training.users: true."
        )
    familiar = lists["familiar"].explode().to_numpy().reshape(len(lists), -1)[:, :k]
    return (~familiar.astype(bool)).sum(axis=1).astype(float)


def unmet_by_session(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Average the unmet items over the events of every session."""
    return mean_by_session(*session_codes(lists), unmet(lists, k, facts))


def mean_by_session(codes: np.ndarray, sessions: int, scores: np.ndarray) -> np.ndarray:
    """Average the scores of events over each session."""
    return np.bincount(codes, weights=scores, minlength=sessions) / np.bincount(
        codes, minlength=sessions
    )


def novelty(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Average the self-information of every list, in bits."""
    return self_information(facts.counts)[top_items(lists, k)].mean(axis=1)


def self_information(counts: np.ndarray) -> np.ndarray:
    """Bits that each item carries, -log2 of its share of the training events."""
    counts = np.asarray(counts, dtype=float)
    return -np.log2(
        np.maximum(counts, 1.0) / counts.sum()
    )  # ours: never shown counts as shown once


def every_item(facts: Facts) -> np.ndarray:
    """Mark all items."""
    return np.ones(len(facts.counts), dtype=bool)


def novel_items(facts: Facts) -> np.ndarray:
    """Mark the novel items."""
    return facts.novel


def nothing_novel(facts: Facts) -> bool:
    """Check whether no item is novel."""
    return not facts.novel.any()


def coverage_of(
    among: Callable[[Facts], np.ndarray],
) -> Callable[[pl.DataFrame, int, Facts], float]:
    """Make the coverage of some of the items."""
    return lambda lists, k, facts: coverage(top_items(lists, k), among(facts))


def resampled_coverage(among: Callable[[Facts], np.ndarray]) -> Callable[..., np.ndarray]:
    """Make the deviations of their coverage over halves of the sessions."""

    def deviations(
        halves: Halves, draws: Draws, lists: pl.DataFrame, k: int, facts: Facts
    ) -> np.ndarray:
        return halves.coverage(*listings(lists, k), among(facts))

    return deviations


def gini_of_lists(lists: pl.DataFrame, k: int, facts: Facts) -> float:
    """Compute the Gini of exposure over all items."""
    return gini(np.bincount(top_items(lists, k).ravel(), minlength=len(facts.counts)))


def resampled_gini(
    halves: Halves, draws: Draws, lists: pl.DataFrame, k: int, facts: Facts
) -> np.ndarray:
    """Compute the deviations of the Gini over draws of the sessions."""
    return draws.gini(*listings(lists, k), len(facts.counts))


def listings(lists: pl.DataFrame, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the session, numbered from 0, and the item of every listing."""
    top, (session, _) = top_items(lists, k), session_codes(lists)
    return np.repeat(session, top.shape[1]), top.ravel()


def gini(exposure: np.ndarray) -> float:
    """How unequally the slots are spread over the items: 0 equal, towards 1 all on one."""
    exposure = np.sort(np.asarray(exposure, dtype=float))
    items, slots = len(exposure), exposure.sum()
    if slots == 0:
        return float("nan")
    return float((2 * np.arange(1, items + 1) - items - 1) @ exposure / (items * slots))


def within_lists(lists: pl.DataFrame, k: int, facts: Facts) -> np.ndarray:
    """Compute the ILD of every list."""
    return dissimilarity(top_items(lists, k), np.asarray(facts.vectors))


def dissimilarity(top: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """ILD of every list: one minus the mean cosine of its pairs."""
    size = top.shape[1]
    if size < 2:
        return np.zeros(len(top))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, norms, out=np.zeros(vectors.shape), where=norms > 0).astype(
        np.float32
    )
    starts = range(0, max(len(top), 1), CHUNK)
    similar = [pair_cosines(unit[top[start : start + CHUNK]]) for start in starts]
    return 1 - np.concatenate(similar) / (size * (size - 1))


def pair_cosines(listed: np.ndarray) -> np.ndarray:
    """Sum the cosines of all ordered pairs of different positions: |sum|^2 less one per unit vector."""
    together = listed.sum(axis=1)
    return np.einsum("ld,ld->l", together, together) - listed.any(axis=2).sum(axis=1)
