import pytest

from recloop.storage.files import replacing, sha256_of, write_json


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
