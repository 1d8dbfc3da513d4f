"""One file per kind of table or figure: what it shows, which keywords it takes, and how a figure of it is drawn.

An entry of a study names its kind, `kind: grid`; a kind of somebody else's is a dotted name, `kind: mine.exhibits.odd`,
of a module with `make`, or of such a function. `make(evidence, entry, name)` returns what has `save(output)`: a
`recloop.report.tables.Table` or a `recloop.report.plots.Plot`. `NEEDS` of a module lists keywords that must be there.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from pkgutil import resolve_name

KINDS = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py")))


def maker(entry: Mapping, name: str) -> Callable:
    """Find the function that makes an exhibit.

    Args:
        entry: of the study, with its `kind`.
        name: of the exhibit, for messages.

    Raises:
        ValueError: there is no such kind, or it needs a keyword that the entry does not have.
    """
    kind = entry.get("kind", "")
    if "." not in kind and kind not in KINDS:
        near = get_close_matches(kind, KINDS, 1) or [", ".join(KINDS)]
        raise ValueError(f"{name} has the kind {kind!r}, which there is not; expected {near[0]}.")
    try:
        found = resolve_name(kind if "." in kind else f"{__name__}.{kind}")
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{name} has the kind {kind!r}, which cannot be imported: {error}."
        ) from error
    lacking = [word for word in getattr(found, "NEEDS", ()) if word not in entry]
    if lacking:
        raise ValueError(f"{name} of kind {kind!r} lacks the keyword '{lacking[0]}'.")
    return getattr(found, "make", found)
