"""The rules of the house: what belongs together has one name, every number has a source, nothing hides code in data."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from recloop.plan.details import details
from recloop.plan.folders import read_study
from recloop.plan.studies import modules
from recloop.storage.fingerprint import imports, source_of

ROOT = Path(__file__).parents[1]
STUDIES = sorted(path.parent for path in (ROOT / "studies").glob("*/paper.yaml"))
SCHEMAS = sorted((ROOT / "workflow/schemas").glob("*.yaml"))
CODE = [
    file for folder in ("recloop", "workflow") for file in sorted((ROOT / folder).rglob("*.py"))
]
each_study = pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
each_schema = pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)


def name_of(file: Path) -> str:
    """Name the module of a file."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def answers(file: Path) -> bool:
    """Say whether a file has a class that scores, learns or encodes: a model, not a shared piece."""
    classes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef)]
    methods = {
        part.name for one in classes for part in one.body if isinstance(part, ast.FunctionDef)
    }
    return bool(methods & {"score", "loss", "forward"})


def reached(names: list[str]) -> set[str]:
    """Follow imports from some modules of recloop."""
    found, waiting = set(), list(names)
    while waiting:
        if (name := waiting.pop()) not in found and (file := source_of(name)):
            found.add(name)
            waiting += imports(file.read_text(encoding="utf-8"))
    return found


def test_every_model_is_in_a_study():
    named = []
    for path in STUDIES:
        study = read_study(path)
        for entry in study["models"].values():
            training = study["training"] | entry.get("training", {})
            named += modules({"model": entry, "training": training})
    models = {
        name_of(file) for file in CODE if "models" in file.relative_to(ROOT).parts and answers(file)
    }
    assert models - reached(named) == set()


def test_every_kind_of_exhibit_is_in_a_study():
    entries = [read_study(path)["tables"] | read_study(path)["figures"] for path in STUDIES]
    kinds = {entry["kind"] for study in entries for entry in study.values()}
    files = {file.stem for file in (ROOT / "recloop/report/exhibits").glob("[a-z]*.py")}
    assert files == kinds


@each_study
def test_every_study_has_its_printed_numbers(path):
    assert (path / "reported.csv").exists()


def test_every_rule_has_a_script_and_back():
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    rules = {name for file in files for name in re.findall(r"^rule (\w+):", file.read_text(), re.M)}
    scripts = {file.stem for file in (ROOT / "workflow/scripts").glob("*.py")}
    batches = {"train"}  # its rules have no name before there is a plan
    others = {"warm", "warm_server"}  # run the others
    assert rules - {"all", "shared_data"} == scripts - others - batches


def unsourced(text: str) -> list[str]:
    """List the lines with a number whose source is neither on them nor on a line that they stand below."""
    return [one.text for one in details(text) if one.origin is None]


def test_unsourced_number_is_found():
    text = "training:\n  a: 1  # S4.5\n  b: 2\n  c:  # ours\n    d: 3\n  e: {f: 0.5}  # because\nother:\n  a: 1\n"
    assert unsourced(text) == ["b: 2", "e: {f: 0.5}"]


@each_study
def test_every_number_has_a_source(path):
    assert unsourced((path / "paper.yaml").read_text()) == []


def unsafe(file: Path) -> list[str]:
    """List what in a file would run code that comes with data."""
    found, tree = [], ast.parse(file.read_text())
    safe = [node.func for node in ast.walk(tree) if weights_only(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [name for name in names if name.split(".")[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.Attribute) and node not in safe:
            owner = getattr(node.value, "id", "")
            found += [node.attr] * (node.attr in UNSAFE_NAMES or (owner, node.attr) in UNSAFE_CALLS)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append(node.arg)
    return found


def weights_only(node: ast.AST) -> bool:
    """Recognise a call with the literal weights_only=True, in which torch.load opens nothing but tensors."""
    given = {word.arg: word.value for word in getattr(node, "keywords", [])}
    return isinstance(node, ast.Call) and getattr(given.get("weights_only"), "value", None) is True


UNSAFE_MODULES = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
UNSAFE_NAMES = {"read_pickle", "to_pickle", "unsafe_load"}
UNSAFE_CALLS = {("torch", "save"), ("torch", "load"), ("yaml", "load"), ("np", "save")}


def test_no_code_in_data():
    found = {name_of(file): unsafe(file) for file in CODE}
    assert {name: words for name, words in found.items() if words} == {}


def own_files() -> list[Path]:
    """List the project's files, without what is installed or made."""
    made = {
        ".git",
        ".venv",
        ".snakemake",
        ".recloop",
        ".hypothesis",
        "data",
        "results",
        "__pycache__",
    }
    tops = [path for path in ROOT.iterdir() if path.name not in made]
    nested = [file for top in tops if top.is_dir() for file in top.rglob("*")]
    found = [file for file in [*tops, *nested] if file.is_file()]
    return [file for file in found if file.suffix != ".pyc" and file.stat().st_size < 1 << 20]


def test_only_ci_knows_the_neighbour_folder():
    neighbour = b"../" + b"shared"
    assert [file for file in own_files() if neighbour in file.read_bytes()] == [ROOT / ".ci/run"]


def test_every_room_says_what_it_is_for():
    rooms = [file for file in CODE if file.name == "__init__.py"]
    assert len(rooms) > 5
    assert [file for file in rooms if not ast.get_docstring(ast.parse(file.read_text()))] == []


def test_every_folder_of_code_is_a_room():
    folders = {file.parent for file in CODE if file.is_relative_to(ROOT / "recloop")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def undescribed(schema, place: str = "") -> list[str]:
    """List the keys of a schema that say nothing about themselves."""
    found = []
    for key, value in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if key == "properties":
            found += [f"{place}/{name}" for name, one in value.items() if "description" not in one]
        if isinstance(value, dict | list):
            found += undescribed(value, f"{place}/{key}")
    return found


@each_schema
def test_every_key_is_described(path):
    schema = yaml.safe_load(path.read_text())
    assert schema["description"]
    assert undescribed(schema) == []


ROOMS = (  # from low to high: a room knows itself and those before it
    *("storage", "language", "fitting", "data", "features", "language_models", "contents"),
    *(
        "models",
        "evaluation",
        "simulators",
        "training",
        "plan",
        "tasks",
        "report",
        "live",
        "commands",
        "__main__",
    ),
)


def room_of(module: str) -> str:
    """Name the room of a module of recloop."""
    return module.split(".")[1]


def test_no_room_imports_a_higher_one():
    """What stands higher is found by the name that settings give, never by an import."""
    arrows = set()
    for file in (file for file in CODE if file.is_relative_to(ROOT / "recloop")):
        if file == ROOT / "recloop/__init__.py":
            continue
        for name in imports(file.read_text(encoding="utf-8")):
            if name.startswith("recloop.") and room_of(name) in ROOMS:
                arrows.add((room_of(name_of(file)), room_of(name)))
    assert {room for arrow in arrows for room in arrow} <= set(ROOMS)
    assert [(a, b) for a, b in sorted(arrows) if ROOMS.index(a) < ROOMS.index(b)] == []
