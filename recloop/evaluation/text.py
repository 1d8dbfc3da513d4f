"""How alike sentences and reference sentences are: BLEU, ROUGE-L, CIDEr.

Papineni et al. BLEU. ACL 2002. Lin. ROUGE. 2004. Vedantam et al. CIDEr. CVPR 2015. All three as in the evaluation code
of COCO captions (Chen et al. 2015), by which captioners are compared; words are split as captioners learn them.

These are our own code because the libraries bring too much for what they would do: sacrebleu imports lxml, which is
compiled, rouge-score imports nltk and absl, 2.8 s of a processor and 1,800 modules at every start; neither has CIDEr.
A test holds ours against what sacrebleu 2.6.0 and rouge-score 0.1.2 say of the same sentences, to six places.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from recloop.language.vocabulary import words_of

Grams = Counter[tuple[str, ...]]


def bleu(
    utterances: Sequence[str], references: Sequence[Sequence[str]], most: int = 4
) -> list[float]:
    """Compute BLEU-1 to BLEU-`most` of a whole corpus, unsmoothed.

    Args:
        utterances: one sentence per pair of pictures.
        references: captions by people of the same pair, at least one sentence each.
        most: longest n-gram.

    Returns:
        Values in [0, 1]; 0 as soon as no n-gram of some length is right.
    """
    candidates, answers = split(utterances, references)
    length = sum(map(len, candidates))
    closest = sum(
        min((abs(len(words) - len(one)), len(one)) for one in group)[1]
        for words, group in zip(candidates, answers, strict=True)
    )
    brevity = 1.0 if length > closest else float(np.exp(1 - closest / max(length, 1)))
    precision = [clipped_precision(candidates, answers, n) for n in range(1, most + 1)]
    with np.errstate(divide="ignore"):
        logs = np.cumsum(np.log(precision)) / np.arange(1, most + 1)
    return (brevity * np.exp(logs)).tolist()


def sentence_bleu(said: str, meant: str, most: int = 4) -> float:
    """Compute BLEU of one sentence, where a longer n-gram that is never right counts a little.

    Lin and Och. ORANGE. COLING 2004: one is added to right and to all n-grams of two words and more.

    Args:
        said: may be empty, which is worth 0.
        meant: the one reference.
        most: longest n-gram.
    """
    words, reference = words_of(said), words_of(meant)
    logs = []
    for n in range(1, most + 1):
        counts, more = grams(words, n), n > 1
        right, total = (counts & grams(reference, n)).total() + more, counts.total() + more
        if not right or not total:
            return 0.0
        logs.append(np.log(right / total))
    brevity = min(1.0, float(np.exp(1 - len(reference) / len(words))))
    return brevity * float(np.exp(np.mean(logs)))


def clipped_precision(candidates: list[list[str]], answers: list[list[list[str]]], n: int) -> float:
    """Compute the share of uttered n-grams that are right; one cannot be right more often than a reference has it."""
    right, total = 0, 0
    for words, group in zip(candidates, answers, strict=True):
        counts, allowed = grams(words, n), Counter()
        for reference in group:
            allowed |= grams(reference, n)
        right += (counts & allowed).total()
        total += counts.total()
    return right / max(total, 1)


def rouge_l(
    utterances: Sequence[str], references: Sequence[Sequence[str]], recall_weight: float = 1.2
) -> float:
    """Compute mean ROUGE-L: how long the longest common subsequence is, as an F-measure in [0, 1].

    Args:
        utterances: one sentence per pair.
        references: as for `bleu`; the best precision and the best recall over them count.
        recall_weight: beta, how much more recall counts.
    """
    scores, squared = [], recall_weight**2
    for words, group in zip(*split(utterances, references), strict=True):
        common = [longest_common(words, one) for one in group]
        precision = max(common) / max(len(words), 1)
        recall = max(c / max(len(one), 1) for c, one in zip(common, group, strict=True))
        total = squared * precision + recall
        scores.append((1 + squared) * precision * recall / total if total else 0.0)
    return float(np.mean(scores))


def longest_common(one: list[str], other: list[str]) -> int:
    """Count the words of the longest subsequence that both have."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0  # the row above, one place to the left
        for place, match in enumerate(other, 1):
            before, row[place] = (
                row[place],
                before + 1 if word == match else max(row[place], row[place - 1]),
            )
    return row[-1]


def cider(
    utterances: Sequence[str],
    references: Sequence[Sequence[str]],
    most: int = 4,
    sigma: float = 6.0,
) -> float:
    """Compute mean CIDEr-D: cosine of tf-idf weighted n-grams, times 10 as is custom.

    Args:
        utterances: one sentence per pair.
        references: as for `bleu`; they say how rare an n-gram is, a pair counts once.
        most: longest n-gram.
        sigma: width of the penalty for another length, in words.
    """
    candidates, answers = split(utterances, references)
    scores = np.zeros(len(candidates))
    for n in range(1, most + 1):
        groups = [[grams(one, n) for one in group] for group in answers]
        seen = Counter(gram for group in groups for gram in set().union(*group))
        for place, (words, group) in enumerate(zip(candidates, answers, strict=True)):
            vector = weighted(grams(words, n), seen, len(answers))
            for one, counts in zip(group, groups[place], strict=True):
                alike = clipped_cosine(vector, weighted(counts, seen, len(answers)))
                penalty = np.exp(-((len(words) - len(one)) ** 2) / (2 * sigma**2))
                scores[place] += 10 / most * alike * penalty / len(group)
    return float(scores.mean())


def weighted(counts: Grams, seen: Counter, pairs: int) -> dict[tuple[str, ...], float]:
    """Weigh each n-gram: often in this sentence, in few pairs."""
    return {
        gram: count * (np.log(pairs) - np.log(max(seen[gram], 1))) for gram, count in counts.items()
    }


def clipped_cosine(utterances: dict, reference: dict) -> float:
    """Compute the cosine, where an n-gram that is uttered too often counts only as often as the reference has it."""
    product = sum(
        min(weight, reference.get(gram, 0.0)) * reference.get(gram, 0.0)
        for gram, weight in utterances.items()
    )
    norms = np.prod(
        [np.sqrt(sum(weight**2 for weight in one.values())) for one in (utterances, reference)]
    )
    return float(product / norms) if norms else 0.0


def grams(words: list[str], n: int) -> Grams:
    """Count the n-grams of a sentence."""
    return Counter(zip(*(words[start:] for start in range(n)), strict=False))


def split(
    utterances: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Split all sentences into words.

    Raises:
        ValueError: not one group of references per sentence, or an empty group.
    """
    if len(utterances) != len(references) or not all(references) or not utterances:
        raise ValueError(
            f"{len(utterances)} sentences and {len(references)} groups of references, "
            f"{sum(map(len, references))} in all; "
            "expected one group per sentence and at least one reference in each"
        )
    return [words_of(one) for one in utterances], [
        [words_of(one) for one in group] for group in references
    ]
