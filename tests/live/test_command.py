"""`recloop live`: which models it offers, and what it says where it cannot serve."""

import shutil
import socket
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def command():
    from recloop import __main__

    return __main__


def test_all_trained_models_whose_users_speak_freely_are_offered(plan, monkeypatch, tmp_path):
    from recloop.live import catalogues

    monkeypatch.chdir(tmp_path)
    wanted = plan(studies=["pmmir", "gommir", "offline_tir"])
    assert not catalogues.trained(wanted)
    monkeypatch.setattr(catalogues, "is_there", lambda plan, run: run.model != "ege")
    found = catalogues.trained(wanted)
    assert {name.partition("/")[0] for name in found} == {"pmmir", "gommir"}
    shoes = found["pmmir/amazon_shoes"]
    assert shoes.title == "Amazon-Shoes (stand-in: boutique_shoes), study pmmir"
    assert (shoes.first, shoes.models["pmmir_gru"]) == ("pmmir_gru", "PMMIR_GRU")
    assert "ege" not in shoes.models and not any("," in model for model in shoes.models)


def test_where_nothing_was_trained_it_says_what_to_do(command, tmp_path, monkeypatch, capsys):
    shutil.copy(ROOT / "config.yaml", tmp_path)
    monkeypatch.setattr("recloop.commands.live.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command.main(["live", "pmmir", "--tier", "smoke"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "trained by the present code at tier smoke" in line and "snakemake results/pmmir" in line


def test_a_port_of_somebody_else_is_named(command, monkeypatch, capsys):
    monkeypatch.setattr("recloop.commands.live.catalogues", lambda *given: {})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.main(["live", "--port", str(port)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"recloop: --port {port}: address already in use; name another one"
