"""Sealed records: what was read once is checked again when it has changed."""

import pytest

from grokbook.store import files
from grokbook.store.files import StoreError, read_sealed, seal


def test_a_record_that_was_read_before_is_refused_once_it_was_changed(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_bytes(seal({"runs": {"a": 1}}))
    assert read_sealed(path)["runs"] == read_sealed(path)["runs"] == {"a": 1}
    path.write_bytes(path.read_bytes().replace(b'"a": 1', b'"a": 2'))  # as long as it was
    with pytest.raises(StoreError, match="was changed after it was written"):
        read_sealed(path)
    path.write_bytes(seal({"runs": {"a": 2}}))
    assert read_sealed(path)["runs"] == {"a": 2}


def test_what_a_reader_does_to_a_record_is_not_seen_by_the_next(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_bytes(seal({"runs": {"a": {"n": 1}}}))
    read_sealed(path)["runs"]["a"]["n"] = 2
    assert read_sealed(path)["runs"]["a"] == {"n": 1}


def test_the_checksum_of_the_same_bytes_is_made_once(tmp_path, monkeypatch):
    path, made = tmp_path / "manifest.json", []
    path.write_bytes(seal({"runs": {"a": "read twice"}}))
    monkeypatch.setattr(files, "seal", lambda record: made.append(record) or seal(record))
    assert read_sealed(path) == read_sealed(path)
    assert len(made) == 1
