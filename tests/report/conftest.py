"""Generated results of whole studies, and all that is drawn from them, made once for all tests.

Nothing of recloop is imported at the top: types are checked only in what tests/conftest.py has hooked.
"""

import functools
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """Give a function that generates the results of a study; what it gives is described in saved/__init__.py."""
    from saved import Generated

    return functools.cache(lambda name: Generated(name, tmp_path_factory.mktemp(name)))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory, generated):
    """Give a function that makes every exhibit, the claims and the page of a study, and gives their folder.

    All is computed and drawn, but only the first figure of each kind as finely as in use, as PDF and as SVG: letters
    are slow.
    """
    from recloop.report import drawing
    from recloop.report.build import build, build_page

    written: set[str] = set()

    @functools.cache
    def draw(name: str) -> Path:
        output, found = tmp_path_factory.mktemp("results") / name, generated(name)
        given = {key: found.saved[key] for key in ("tier", "splits", "runs")}
        given |= {"study": found.study, "output": output}
        scores, figures = found.saved["scores"], found.study["figures"]
        kinds = {entry["kind"]: figure for figure, entry in reversed(figures.items())}
        whole = [figure for kind, figure in kinds.items() if kind not in written]
        written.update(kinds)
        others = [figure for figure in figures if figure not in whole]
        with pytest.MonkeyPatch.context() as patch:

            def done(made: str) -> None:
                if made == "claims":  # what follows are the others
                    patch.setattr(drawing, "METADATA", {"png": drawing.METADATA["png"]})
                    patch.setattr(drawing, "DPI", 60)

            made = [*found.study["tables"], *whole, "claims", *others]
            exhibits = dict.fromkeys(made, scores)
            build(exhibits=exhibits, reported=found.reported, done=done, **given)
        for path in [output / f"{figure}.{end}" for figure in others for end in ("pdf", "svg")]:
            path.write_text("left out")
        build_page(scores=scores, **given)
        return output

    return draw


@pytest.fixture(scope="session")
def study(generated) -> dict:
    """MODT4R, whose exhibits stand for those of all studies."""
    return generated("modt4r").study


@pytest.fixture(scope="session")
def reported(generated) -> Path:
    """The printed numbers of MODT4R."""
    return generated("modt4r").reported


@pytest.fixture(scope="session")
def saved(generated) -> dict:
    """Scores, runs and splits of MODT4R on two of its data sets."""
    return generated("modt4r").saved
