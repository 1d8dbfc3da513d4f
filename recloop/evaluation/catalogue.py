"""What the lists of all events show together: coverage, repetitiveness, novelty, exposure, diversity within lists.

Conventions, where the literature has several:

- Coverage counts an item once however often it is listed; the whole catalogue of the training part is the base.
- CV_nov counts novel items only, above and below the line. Novel are the items of `novel_items` (MODT4R, Sec 4.4.3).
- Repetitiveness of a session is slots shown minus distinct items shown, over all its lists (MODT4R, Eq. 4.20, which
  leaves "repetitions" undefined; this reading has the printed scale). A session with one list repeats nothing.
- Novelty is the mean self-information -log2(count / total) of the listed items, in bits (Zhou et al. PNAS 2010).
  An item that the training part never shows counts as shown once, so that the mean stays finite.
- Gini of exposure runs over the whole catalogue, items never shown included: 0 if all are shown equally often,
  1 - 1/items if one item takes every slot.
- ILD is one minus the mean cosine over the pairs of different positions of a list (Ziegler et al. WWW 2005, without
  the ordering); a zero vector has cosine 0 with everything, a list of one item has ILD 0.
- UP counts the listed items that the user has not met in earlier sessions (HDT, S5.4.3). The items of the present
  session do not count as met, and of an event they may be listed again. Counts are averaged over the events of the
  judged session, then over users; UP_event averages over all events at once. The chapter says neither.
- Where the catalogue is smaller than k, the list holds all there is.
"""

import numpy as np
import polars as pl

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
    """Give every event the number of its session, counted from 0 by session id; and how many there are."""
    sessions, codes = np.unique(lists["session"].to_numpy(), return_inverse=True)
    return codes, len(sessions)


def repetitions(lists: pl.DataFrame, k: int) -> np.ndarray:
    """Slots shown minus distinct items shown, for every session in ascending order of its id. Eq. 4.20."""
    top = top_items(lists, k)
    codes, sessions = session_codes(lists)
    width = int(top.max(initial=0)) + 1
    distinct = np.unique((codes[:, None].astype(np.int64) * width + top).ravel()) // width
    slots = np.bincount(codes, minlength=sessions) * top.shape[1]
    return (slots - np.bincount(distinct, minlength=sessions)).astype(float)


def unmet(lists: pl.DataFrame, k: int) -> np.ndarray:
    """Count the items of every list that its user has not met in earlier sessions."""
    if "familiar" not in lists.columns:
        raise ValueError(
            "UP needs the column 'familiar', which these lists have not; rank the run anew with "
            "training.users: true."
        )
    familiar = lists["familiar"].explode().to_numpy().reshape(len(lists), -1)[:, :k]
    return (~familiar.astype(bool)).sum(axis=1).astype(float)


def self_information(counts: np.ndarray) -> np.ndarray:
    """Bits that each item carries, -log2 of its share of the training events."""
    counts = np.asarray(counts, dtype=float)
    return -np.log2(
        np.maximum(counts, 1.0) / counts.sum()
    )  # ours: never shown counts as shown once


def gini(exposure: np.ndarray) -> float:
    """How unequally the slots are spread over the items: 0 equal, towards 1 all on one."""
    exposure = np.sort(np.asarray(exposure, dtype=float))
    items, slots = len(exposure), exposure.sum()
    if slots == 0:
        return float("nan")
    return float((2 * np.arange(1, items + 1) - items - 1) @ exposure / (items * slots))


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
