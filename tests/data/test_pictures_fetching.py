"""Pictures fetched one by one: copied, resumed, and what is gone is asked for only once."""

from __future__ import annotations

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from PIL import Image

from recloop.data import photographs
from recloop.data.downloads import SourceError
from recloop.data.photographs import gather
from recloop.data.sources import fetch


def photograph() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(file, "JPEG")
    return file.getvalue()


class Shop(BaseHTTPRequestHandler):
    """Has the pictures a and b; c is gone, d a single pixel, e broken for now."""

    def do_GET(self):
        name = self.path.strip("/")
        self.server.asked.append(name)
        body = photograph() if name in ("a", "b") else b"GIF89a"
        self.send_response({"c": 404, "e": 503}.get(name, 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def shop(monkeypatch):
    monkeypatch.setattr(photographs.time, "sleep", lambda seconds: None)
    server = HTTPServer(("127.0.0.1", 0), Shop)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def settings(shop) -> dict:
    return {"address": f"http://127.0.0.1:{shop.server_port}/{{name}}"}


def never(link, path):
    raise AssertionError(f"{link} was downloaded")


def test_what_is_gone_is_asked_for_once(shop, tmp_path):
    names = ["a", "b", "c", "d", "../f"]
    assert gather(settings(shop), names, tmp_path, None, never, lambda text: None) == []
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["a.jpg", "b.jpg"]
    logged = json.loads((tmp_path / "pictures.json").read_text())
    assert logged["wanted"] == 4
    assert sorted(logged["gone"]) == ["c", "d"]
    assert "404" in logged["gone"]["c"]
    shop.asked.clear()
    (tmp_path / "images" / "a.jpg").unlink()
    gather(settings(shop), names, tmp_path, None, never, lambda text: None)
    assert shop.asked == ["a"]


def test_what_cannot_be_had_now_is_not_given_up(shop, tmp_path):
    assert gather(settings(shop), ["a", "e"], tmp_path, None, never, lambda text: None) == ["e"]
    assert json.loads((tmp_path / "pictures.json").read_text())["gone"] == {}


def test_a_mirror_goes_first(tmp_path):
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "a.jpg").write_bytes(photograph())
    where = {"mirror": "set", "lists": []}
    gather(where, ["a", "b"], tmp_path / "raw", tmp_path / "mirror", never, lambda text: None)
    assert (tmp_path / "raw" / "images" / "a.jpg").read_bytes() == photograph()
    logged = json.loads((tmp_path / "raw" / "pictures.json").read_text())
    assert logged["gone"] == {"b": "has no address"}


def test_a_list_of_addresses_is_followed(shop, tmp_path):
    def download(link, path):
        path.write_text(f"a\thttp://127.0.0.1:{shop.server_port}/a\nb file:///etc/passwd\nbroken\n")

    gather({"lists": ["http://x"]}, ["a", "b"], tmp_path, None, download, lambda text: None)
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["a.jpg"]


def test_no_network_is_told_with_what_to_do(shop, tmp_path):
    (tmp_path / "docnos.json").write_text(json.dumps(["E000000000"]))
    (tmp_path / "u_i_seq.json").write_text("[1]")
    file = {"bytes": None, "sha256": None, "addresses": [], "mirror": "a/b"}
    source = {
        "reader": "pmmir",
        "reading": {"kind": "Shoes"},
        "instructions": "Ask the authors.",
        "pictures": {"address": "http://127.0.0.1:9/{name}"},
        "files": {"docnos.json": file, "u_i_seq.json": file},
    }
    with pytest.raises(SourceError, match=r"1 of 1 pictures could not be reached.*Ask the authors"):
        fetch(source, tmp_path)
