"""Fingerprints change with what code means, and with nothing else."""

import pytest

from recloop.storage import fingerprint as hashing
from recloop.storage.fingerprint import digest, fingerprint


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Give a function that (re)writes a module of a small recloop."""
    monkeypatch.setattr(hashing, "ROOT", tmp_path)

    def write(module, code):
        path = tmp_path.joinpath(*module.split("."))
        path = path / "__init__.py" if module.count(".") < 2 else path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        hashing.fingerprint.cache_clear()

    write("recloop.models", '"""Models."""')
    write("recloop.models.one", "from recloop.models.shared import half\nx = half(1)")
    write("recloop.models.other", "x = 2")
    write("recloop.models.shared", "def half(x):\n    return x / 2")
    yield write
    hashing.fingerprint.cache_clear()


def test_digest_is_short_and_does_not_see_the_order_of_keys():
    assert len(digest({"a": 1, "b": [2]})) == 8
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest("a", "b") != digest("ab")
    assert digest({"a": 1}) != digest({"a": 1.5})
    assert digest([1, 2]) != digest([2, 1])


@pytest.mark.parametrize(
    "code",
    [
        "from recloop.models.shared import half\n\n\n# why\nx = half( 1 )  # where from\n",
        '"""What it is for."""\nfrom recloop.models.shared import half\nx = half(1)',
    ],
    ids=["comments and layout", "docstring"],
)
def test_comments_docstrings_and_layout_do_not_count(house, code):
    before = fingerprint("recloop.models.one")
    house("recloop.models.one", code)
    assert fingerprint("recloop.models.one") == before


def test_docstrings_of_functions_and_classes_do_not_count(house):
    code = "class A:\n    {}\n    x = 1\n    def f(self):\n        {}\n        return 1\n"
    house("recloop.models.one", code.format('"""One."""', '"""Two."""'))
    before = fingerprint("recloop.models.one")
    house("recloop.models.one", code.format('"""Three."""', '"""Four."""'))
    assert fingerprint("recloop.models.one") == before


def test_a_text_that_is_no_docstring_counts(house):
    house("recloop.models.one", 'def f():\n    return "a"')
    before = fingerprint("recloop.models.one")
    house("recloop.models.one", 'def f():\n    return "b"')
    assert fingerprint("recloop.models.one") != before


def test_code_counts(house):
    before = fingerprint("recloop.models.one")
    house("recloop.models.one", "from recloop.models.shared import half\nx = half(2)")
    assert fingerprint("recloop.models.one") != before


@pytest.mark.parametrize(
    "line",
    [
        "from recloop.models.shared import half",
        "from recloop.models import shared",
        "import recloop.models.shared",
        "def late():\n    from recloop.models.shared import half",
    ],
)
def test_imported_code_counts_however_it_is_imported(house, line):
    house("recloop.models.one", line)
    before = fingerprint("recloop.models.one")
    house("recloop.models.shared", "def half(x):\n    return x // 2")
    assert fingerprint("recloop.models.one") != before


def test_code_counts_over_two_imports(house):
    house("recloop.models.far", "from recloop.models import one")
    before = fingerprint("recloop.models.far")
    house("recloop.models.shared", "def half(x):\n    return x // 2")
    assert fingerprint("recloop.models.far") != before


def test_code_that_is_not_imported_does_not_count(house):
    before = fingerprint("recloop.models.one")
    house("recloop.models.other", "x = 3")
    assert fingerprint("recloop.models.one") == before
    assert fingerprint("recloop.models.other") != before


def test_modules_that_import_each_other_are_no_trap(house):
    house("recloop.models.shared", "import recloop.models.one\ndef half(x): return x / 2")
    assert len(fingerprint("recloop.models.one")) == 8


def test_other_packages_do_not_count(house):
    before = fingerprint("recloop.models.one")
    assert fingerprint("recloop.models.one", "torch", "recloop.models.nowhere") == before


def test_a_package_of_ones_own_counts_with_what_it_imports(tmp_path, monkeypatch):
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "mine.py").write_text("from lab.parts import half\n")
    (tmp_path / "lab" / "parts.py").write_text("half = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = fingerprint("lab.mine")
    fingerprint.cache_clear()
    (tmp_path / "lab" / "parts.py").write_text("half = 3\n")
    assert fingerprint("lab.mine") != before
    fingerprint.cache_clear()
