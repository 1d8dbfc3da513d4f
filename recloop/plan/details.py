"""Every number of a paper.yaml with where it comes from, as its comments say: the paper, its code, or a choice of ours.

A comment on a line holds for that line and for what stands indented below it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

NUMBERED = {"datasets", "training", "evaluation", "backbones", "grid", "models", "margins"}
NUMBER = re.compile(r"(?<![\w.\-\"'])-?\d+(\.\d+)?(?![\w.\-\"'])")
ORIGINS = {  # the first that a comment names: what is partly ours is ours
    "ours": re.compile(r"\bours\b"),
    "code": re.compile(r"\b(RL|authors'|released) code\b"),
    "paper": re.compile(r"\bS\d|\bEqs?\. ?\d|\bTable \d|\bFigure \d|\bAlgorithm \d|\bpaper of\b"),
}


@dataclass(frozen=True)
class Detail:
    """A line of settings that holds a number.

    Attributes:
        line: of the file, from 1.
        text: the setting.
        origin: paper, code or ours; None where no comment says.
        source: the comment that does.
    """

    line: int
    text: str
    origin: str | None
    source: str


def details(text: str) -> Iterator[Detail]:
    """List the numbers of a study.

    Args:
        text: of its paper.yaml.
    """
    opened: list[tuple[int, str]] = []  # comments that still hold, with their depths
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        code, _, comment = line.partition(" #")
        if not code.strip() or code.startswith("#"):
            continue
        depth = len(code) - len(code.lstrip())
        inside = code.partition(":")[0] in NUMBERED if not depth else inside
        opened = [(above, said) for above, said in opened if above < depth]
        opened.append((depth, comment.strip()))
        if inside and NUMBER.search(code):
            said = next((said for _, said in reversed(opened) if origin(said)), "")
            yield Detail(number, code.strip(), origin(said), said)


def origin(comment: str) -> str | None:
    """Tell from a comment where a number comes from."""
    return next((name for name, pattern in ORIGINS.items() if pattern.search(comment)), None)
