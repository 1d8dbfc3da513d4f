import errno
import os
import re

import numpy as np
import polars as pl
import pytest
import torch

from recloop.storage import checkpoint
from recloop.storage.files import PlaceError, replacing, sha256_of, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path):
    write_json(tmp_path / "a.json", {"kept": 1})
    with pytest.raises(OSError), replacing(tmp_path / "a.json") as draft:
        draft.write_text("half")
        raise OSError("disk full")
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert "kept" in (tmp_path / "a.json").read_text()


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "empty").touch()
    expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_of(tmp_path / "empty") == expected


# -- disks -------------------------------------------------------------------------------------------------------------


WRITERS = {
    "text": lambda path: write_text(path, "x" * 200_000),
    "parquet": lambda path: write_parquet(path, 50_000),
    "tensors": lambda path: checkpoint.save(path, {"a": torch.rand(50_000)}, {}),
}


def write_parquet(path, rows):
    with replacing(path) as draft:
        pl.DataFrame({"a": np.random.default_rng(0).random(rows)}).write_parquet(draft)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_named_and_the_old_file_stays(disk, write):
    folder, mount = disk
    (folder / "a").write_text("old")
    with pytest.raises(PlaceError, match=r"disk full, [\d,]+ bytes are free\. Free some and run"):
        write(folder / "a")
    assert [file.read_text() for file in folder.iterdir()] == ["old"]
    mount("remount,size=8m")
    write(folder / "a")
    assert (folder / "a").stat().st_size > 150_000


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_disk_that_is_read_only_is_named(disk, write):
    folder, mount = disk
    (folder / "a").write_text("old")
    mount("remount,ro")
    with pytest.raises(PlaceError, match=r"cannot be written \(Read-only file system\)"):
        write(folder / "a")
    mount("remount,rw,size=8m")
    write(folder / "a")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_fault_of_the_disk_is_named_wherever_it_shows(tmp_path, number):
    """The system's own error, and one that a package of Rust made of it."""
    for fault in (OSError(number, os.strerror(number)), RuntimeError(f"I/O (os error {number})")):
        with (
            pytest.raises(PlaceError, match=f"^{re.escape(str(tmp_path))}: "),
            replacing(tmp_path / "a"),
        ):
            raise fault
