"""Manifests are checked, and no fault of a file, a mirror or a network leaves a half file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import socket
import struct
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from recloop.data import sources
from recloop.data.sources import SourceError, fetch, is_whole, load_source
from recloop.storage.files import PlaceError

SOURCES = sorted((Path(__file__).parents[2] / "sources").glob("*.yaml"))
CONTENT = b"1,2,3\n" * 5_000


def _source(address=None, content: bytes | None = CONTENT, **changes) -> dict:
    file = {
        "bytes": len(content) if content is not None else None,
        "sha256": hashlib.sha256(content).hexdigest() if content is not None else None,
        "addresses": [address] if address else [],
        "mirror": "set/a.csv",
        **changes,
    }
    return {"instructions": "Ask the publisher.", "files": {"a.csv": file}}


@pytest.fixture
def mirror(tmp_path) -> Path:
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "a.csv").write_bytes(CONTENT)
    return tmp_path / "mirror"


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "raw"


class _Server(ThreadingHTTPServer):
    """Serves `content`; breaks off after `breaks[0]` bytes, then after `breaks[1]`, ..."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.breaks, self.asked, self.ranges = content, [], [], True
        self.resets = self.hangs = self.shift = 0
        self.address = f"http://127.0.0.1:{self.server_port}/a"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        asked = asked if self.server.ranges else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if self.server.resets:
            self.server.resets -= 1
            linger = struct.pack("ii", 1, 0)  # closed with a reset instead of a farewell
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        if self.server.hangs:
            self.server.hangs -= 1
            time.sleep(2)
            return
        start += self.server.shift if asked else 0
        rest = self.server.content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        if asked:
            size = len(self.server.content)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        upto = self.server.breaks.pop(0) if self.server.breaks else len(rest)
        self.wfile.write(rest[:upto])

    def log_message(self, *arguments):
        """Stay silent."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(sources, "PAUSE", 0.0)
    with _Server(CONTENT) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_manifest_is_valid_and_has_its_reader(path):
    source = load_source(path)
    reader = source.get("reader")  # weights have none
    assert not reader or (Path(sources.__file__).parent / "readers" / f"{reader}.py").exists()


def test_a_mistyped_key_stops_with_the_nearest_one(tmp_path):
    manifest = yaml.safe_load(SOURCES[0].read_text())
    manifest["licens"] = manifest.pop("licence")
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(SourceError, match=r"licens"):
        load_source(tmp_path / "x.yaml")
    manifest["licence"] = "MIT"
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(SourceError, match=r"did you mean 'licence'\?"):
        load_source(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    "place", ["../a.csv", "set/../../a.csv", "set/..", "/etc/passwd", "set//a"]
)
def test_a_manifest_never_leads_out_of_the_mirror(tmp_path, place):
    manifest = yaml.safe_load((SOURCES[0].parent / "movielens_1m_sequences.yaml").read_text())
    manifest["files"]["train_input.txt"]["mirror"] = place
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(manifest))
    with pytest.raises(SourceError, match=r"files\.train_input\.txt\.mirror"):
        load_source(tmp_path / "x.yaml")


def test_a_manifest_that_is_not_there_or_no_yaml_stops(tmp_path):
    (tmp_path / "shop.yaml").write_text("title: [")
    with pytest.raises(SourceError, match="did you mean 'shop'"):
        load_source(tmp_path / "shpo.yaml")
    with pytest.raises(SourceError, match=r"shop\.yaml is not YAML"):
        load_source(tmp_path / "shop.yaml")


def test_the_mirror_is_copied_and_recorded(output, mirror):
    record = fetch(_source(), output, mirror)
    assert (output / "a.csv").read_bytes() == CONTENT
    assert record == json.loads((output / "fetched.json").read_text())
    assert record["a.csv"]["bytes"] == len(CONTENT)
    assert record["a.csv"]["from"].startswith("mirror ")


def test_right_files_are_kept(output, mirror):
    fetch(_source(), output, mirror)
    before = (output / "a.csv").stat().st_mtime_ns
    shutil.rmtree(mirror)
    fetch(_source(), output, mirror)
    assert (output / "a.csv").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("content", "logged"),
    [
        (CONTENT[:-10], rf"truncated.*bytes {len(CONTENT)}, found {len(CONTENT) - 10}"),
        (CONTENT.replace(b"2", b"4"), r"another file\. Expected sha256 [0-9a-f]{64}, found"),
        (b"", "empty file"),
        (None, r"expected in the mirror at .*a\.csv, found nothing.*Ask the publisher"),
    ],
    ids=["truncated", "swapped", "empty", "missing"],
)
def test_a_wrong_mirror_stops_and_leaves_nothing(output, mirror, content, logged):
    path = mirror / "set" / "a.csv"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(SourceError, match=rf"(?s)a\.csv: .*{logged}.*"):
        fetch(_source(), output, mirror)
    assert list(output.iterdir()) == []


def test_a_wrong_file_that_is_already_there_stops_and_stays(output, mirror):
    output.mkdir()
    (output / "a.csv").write_bytes(b"mine")
    with pytest.raises(SourceError, match=r"Expected bytes .*, found 4\. Remedy: delete"):
        fetch(_source(), output, mirror)
    assert (output / "a.csv").read_bytes() == b"mine"


def test_a_full_disk_stops_and_leaves_nothing(output, mirror, monkeypatch):
    def full(origin, part):
        Path(part).write_bytes(CONTENT[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(SourceError, match=rf"disk full\. Expected room for {len(CONTENT)} bytes"):
        fetch(_source(), output, mirror)
    assert list(output.iterdir()) == []


def test_what_no_manifest_can_know_is_recorded_and_held_to(output, mirror):
    unknown = _source(content=None)
    fetch(unknown, output, mirror)
    fetch(unknown, output, mirror)
    (output / "a.csv").write_bytes(CONTENT + b"4,5,6\n")
    with pytest.raises(SourceError, match=rf"Expected bytes {len(CONTENT)}, found"):
        fetch(unknown, output, mirror)
    (output / "a.csv").unlink()
    (mirror / "set" / "a.csv").write_bytes(CONTENT[::-1])
    with pytest.raises(SourceError, match="Expected sha256"):
        fetch(unknown, output, mirror)


NEW = CONTENT + b"7,8,9\n"


def _in_mirror(mirror: Path, content: bytes) -> None:
    (mirror / "set" / "a.csv").write_bytes(content)


def test_a_manifest_with_another_hash_leads_to_a_fetch(output, mirror):
    fetch(_source(), output, mirror)
    assert is_whole(output, _source())
    assert not is_whole(output, _source(content=NEW))
    _in_mirror(mirror, NEW)
    fetch(_source(content=NEW), output, mirror)
    assert (output / "a.csv").read_bytes() == NEW
    assert is_whole(output, _source(content=NEW))


def test_old_bytes_stay_where_the_new_file_cannot_be_had(output, mirror):
    fetch(_source(), output, mirror)
    message = r"another file\. Expected bytes .*, found .* It was fetched for an earlier manifest\."
    with pytest.raises(SourceError, match=message):
        fetch(_source(content=NEW), output, mirror)
    assert (output / "a.csv").read_bytes() == CONTENT
    assert not is_whole(output, _source(content=NEW))


def test_a_hash_in_the_manifest_replaces_what_the_first_fetch_found(output, mirror):
    fetch(_source(content=None), output, mirror)
    _in_mirror(mirror, NEW)
    size_alone = _source(content=NEW, sha256=None)
    assert not is_whole(output, size_alone)
    fetch(size_alone, output, mirror)
    assert (output / "a.csv").read_bytes() == NEW


def test_a_file_of_somebody_else_is_never_replaced(output, mirror):
    output.mkdir()
    (output / "a.csv").write_bytes(CONTENT)
    fetch(_source(content=None), output)
    _in_mirror(mirror, NEW)
    with pytest.raises(SourceError, match=r"another file\. .* Remedy: delete"):
        fetch(_source(content=NEW), output, mirror)
    assert (output / "a.csv").read_bytes() == CONTENT


def test_a_file_added_to_the_manifest_leads_to_a_fetch_and_a_dropped_one_goes(output, mirror):
    fetch(_source(), output, mirror)
    (mirror / "set" / "b.csv").write_bytes(NEW)
    more = _source()
    more["files"]["b.csv"] = _source(content=NEW, mirror="set/b.csv")["files"]["a.csv"]
    assert not is_whole(output, more)
    fetch(more, output, mirror)
    assert is_whole(output, more)
    assert not is_whole(output, _source())
    fetch(_source(), output, mirror)
    assert sorted(path.name for path in output.iterdir()) == ["a.csv", "fetched.json"]


def test_a_swapped_file_shows_even_with_its_old_time(output, mirror):
    fetch(_source(), output, mirror)
    _in_mirror(mirror, CONTENT[::-1])
    os.utime(mirror / "set" / "a.csv", (1, 1))
    time.sleep(0.02)
    shutil.copy2(mirror / "set" / "a.csv", output / "a.csv")
    memory = output.parent / "memory.json"
    assert not is_whole(output, _source(), memory)
    (output / "a.csv").unlink()
    assert not is_whole(output, _source(), memory)


def test_only_what_was_touched_is_hashed_again(output, mirror, tmp_path, monkeypatch):
    fetch(_source(), output, mirror)
    hashed = []
    real = sources.sha256_of
    monkeypatch.setattr(sources, "sha256_of", lambda path: hashed.append(path.name) or real(path))
    memory = tmp_path / "memory.json"
    assert is_whole(output, _source(), memory) and is_whole(output, _source(), memory)
    assert hashed == ["a.csv"]
    (output / "a.csv").write_bytes(CONTENT[::-1])
    # A newer record, as Snakemake leaves one when a fetch has failed, hides nothing.
    (output / "fetched.json").touch()
    assert not is_whole(output, _source(), memory) and not is_whole(output, _source(), memory)
    assert hashed == ["a.csv", "a.csv"]


def test_the_pin_of_the_first_fetch_holds_at_every_start(output, mirror):
    fetch(_source(content=None), output, mirror)
    assert is_whole(output, _source(content=None))
    (output / "a.csv").write_bytes(CONTENT[::-1])
    assert not is_whole(output, _source(content=None))


def test_a_folder_without_a_record_is_not_whole(output):
    assert not is_whole(output, _source())


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_folder_is_named(output, mirror, monkeypatch, number):
    def forbidden(origin, part):
        raise OSError(number, os.strerror(number), str(part))

    monkeypatch.setattr(shutil, "copyfile", forbidden)
    with pytest.raises(
        PlaceError, match=r"raw/\.a\.csv.* cannot be written \(.*\)\. Give yourself"
    ):
        fetch(_source(), output, mirror)


def test_a_file_put_there_by_hand_is_taken(output):
    output.mkdir()
    (output / "a.csv").write_bytes(CONTENT)
    assert fetch(_source(content=None), output)["a.csv"]["from"] == "by hand"


def test_a_download_goes_on_where_it_broke_off(output, server):
    server.breaks = [2_048, 1_024]
    record = fetch(_source(server.address), output)
    assert (output / "a.csv").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=2048-", "bytes=3072-"]
    assert record["a.csv"]["from"] == server.address


def test_a_server_that_begins_anew_is_noticed(output, server):
    server.breaks, server.ranges = [2_048], False
    fetch(_source(server.address), output)
    assert (output / "a.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("fault", ["resets", "hangs"])
def test_a_network_that_fails_once_is_asked_again_and_one_that_stays_away_is_named(
    output, server, monkeypatch, fault
):
    monkeypatch.setattr(sources, "TIMEOUT", 0.7)
    setattr(server, fault, 99)
    with pytest.raises(SourceError, match=r"a\.csv: not fetched\. .*Remedy: check the connection"):
        fetch(_source(server.address), output)
    assert list(output.iterdir()) == []
    setattr(server, fault, 1)
    fetch(_source(server.address), output)
    assert (output / "a.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("ranges", [True, False], ids=["another range", "no ranges"])
def test_a_rest_that_is_not_the_rest_is_never_put_behind_what_is_there(output, server, ranges):
    """Whether or not the manifest knows size and hash: nobody else would notice."""
    server.breaks, server.shift, server.ranges = [2_048], 100, ranges
    record = fetch(_source(server.address, content=None), output)
    assert (output / "a.csv").read_bytes() == CONTENT
    assert record["a.csv"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_a_server_that_sends_without_end_is_cut_off(output, server):
    server.content = CONTENT + bytes(1 << 20)
    with pytest.raises(SourceError, match=rf"larger than the {len(CONTENT)} bytes that were exp"):
        fetch(_source(server.address), output)
    assert list(output.iterdir()) == []
    server.content = CONTENT
    fetch(_source(server.address), output)


def test_the_next_address_is_tried(output, server):
    source = _source(server.address)
    source["files"]["a.csv"]["addresses"].insert(0, "http://127.0.0.1:9/nobody")
    assert fetch(source, output)["a.csv"]["from"] == server.address


def test_a_wrong_download_tells_all_and_leaves_nothing(output, server):
    server.content = CONTENT[::-1]
    source = _source(server.address)
    source["files"]["a.csv"]["addresses"].append("http://127.0.0.1:9/nobody")
    logged = r"(?s)a\.csv: not fetched.*Expected sha256.*found.*127\.0\.0\.1:9.*Ask the publisher"
    with pytest.raises(SourceError, match=logged):
        fetch(source, output)
    assert list(output.iterdir()) == []


def test_a_download_that_stays_truncated_stops(output, server):
    server.breaks = [10, 10, 10]
    with pytest.raises(SourceError, match="not fetched"):
        fetch(_source(server.address), output)
    assert list(output.iterdir()) == []


def test_a_source_without_an_address_says_how_to_get_it(output):
    with pytest.raises(SourceError, match=r"no address.*By hand: Ask the publisher"):
        fetch(_source(), output)


def _archive(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "set.zip", "w") as box:
        box.writestr("deep/a.csv", CONTENT)
        box.writestr("../../outside.csv", b"evil")
    return (folder / "set.zip").read_bytes()


def test_one_member_of_an_archive_is_taken_and_nothing_else(tmp_path, output, server):
    server.content = _archive(tmp_path)
    fetch(_source({"archive": server.address, "member": "deep/a.csv"}), output)
    assert (output / "a.csv").read_bytes() == CONTENT
    assert sorted(path.name for path in output.iterdir()) == ["a.csv", "fetched.json"]
    assert not (tmp_path.parent / "outside.csv").exists()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("kind", ["zip", "tar.xz"])
def test_a_bomb_in_an_archive_is_stopped(tmp_path, output, server, kind, known):
    """It unpacks to 8 MiB; the disk never sees them."""
    (tmp_path / "a.csv").write_bytes(bytes(8 << 20))
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "set", "w", zipfile.ZIP_DEFLATED) as box:
            box.write(tmp_path / "a.csv", "a.csv")
    else:
        with tarfile.open(tmp_path / "set", "w:xz", preset=0) as box:
            box.add(tmp_path / "a.csv", "a.csv")
    server.content = (tmp_path / "set").read_bytes()
    archive = {"archive": server.address, "member": "a.csv"}
    with pytest.raises(SourceError, match=r"larger than the \d+ bytes that were expected"):
        fetch(_source(archive, content=CONTENT if known else None), output)
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret.csv"])
def test_a_link_in_an_archive_leads_nowhere(tmp_path, output, server, kind, target):
    (tmp_path / "secret.csv").write_text("secret")
    with tarfile.open(tmp_path / "set.tar", "w") as box:
        member = tarfile.TarInfo("a.csv")
        member.type, member.linkname = kind, target
        box.addfile(member)
    server.content = (tmp_path / "set.tar").read_bytes()
    with pytest.raises(SourceError, match=r"the archive has no file 'a\.csv'"):
        fetch(_source({"archive": server.address, "member": "a.csv"}, content=None), output)
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("cut", [100, 10_000])
def test_a_truncated_archive_stops(tmp_path, output, server, cut):
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as box:
        (tmp_path / "a.csv").write_bytes(os.urandom(20_000))
        box.add(tmp_path / "a.csv", "a.csv")
    server.content = (tmp_path / "set.tar.gz").read_bytes()[:cut]
    with pytest.raises(SourceError, match=r"a\.csv: not fetched"):
        fetch(_source({"archive": server.address, "member": "a.csv"}), output)
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("member", ["deep/b.csv", "deep"])
def test_a_missing_member_stops(tmp_path, output, server, member):
    server.content = _archive(tmp_path)
    with pytest.raises(SourceError, match=f"no file '{member}'"):
        fetch(_source({"archive": server.address, "member": member}), output)
    assert list(output.iterdir()) == []


def test_an_archive_that_is_none_stops(output, server):
    with pytest.raises(SourceError, match="not fetched"):
        fetch(_source({"archive": server.address, "member": "a.csv"}), output)
    assert list(output.iterdir()) == []


def test_worlds_are_generated_and_recorded(output):
    world = {"world": "ring", "writes": "session_rec", "seed": 1, "sizes": {"sessions": 5}}
    record = fetch(world, output)
    assert record["ring.txt"]["from"] == "ring world, seed 1"
    assert fetch(world, output) == record
