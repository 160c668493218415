"""Artefacts: equal contents are equal bytes, and nothing damaged is ever handed out."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors import numpy as safetensors

from grokbook.store import DiskFull, Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.store.files import Disk

ARRAYS = {
    "basis": np.arange(12, dtype=np.float32).reshape(4, 3).T,  # strided: not as it lies in memory
    "steps": np.array([0, 100], dtype=np.int64),
    "alone": np.float64(0.5),
}
FACTS = {"measure": "trajectory", "parameters": {"k": 3}, "run": "add, λ = 1", "step": 100}
NAME = "090b92526733b5c4a300fe4b0d0367efc70008a4d717341436a77f804e468093"


def test_there_and_back(tmp_path):
    artefacts = Artefacts(Store(tmp_path))
    name = artefacts.put(ARRAYS, FACTS)
    found = artefacts.get(name)
    assert found.facts == FACTS
    assert set(found.arrays) == set(ARRAYS)
    for key, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[key], array)
        assert found.arrays[key].dtype == array.dtype
        assert found.arrays[key].shape == array.shape


def test_the_name_is_for_ever(tmp_path):
    artefacts = Artefacts(Store(tmp_path))
    assert artefacts.put(ARRAYS, FACTS) == NAME
    # Neither order nor who writes plays a part.
    turned = [dict(reversed(values.items())) for values in (ARRAYS, FACTS)]
    assert artefacts.put(*turned) == NAME
    assert [path.name for path in (tmp_path / "artefacts").iterdir()] == [f"{NAME}.safetensors"]
    assert artefacts.put(ARRAYS, FACTS | {"step": 200}) != NAME
    assert artefacts.put(ARRAYS | {"alone": np.float64(0.6)}, FACTS) != NAME


def test_another_process_writes_the_same_bytes(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from grokbook.store import Store; from grokbook.store.artefacts import Artefacts\n"
        "arrays = {name: np.ones(3) for name in 'xyzabc'}\n"
        "facts = {name: 1 for name in 'qwertz'}\n"
        "print(Artefacts(Store(Path(sys.argv[1]))).put(arrays, facts))"
    )
    here = Artefacts(Store(tmp_path / "here")).put(
        {name: np.ones(3) for name in "abcxyz"}, dict.fromkeys("ztrewq", 1)
    )
    there = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "there")],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert there.stdout.strip() == here


def test_the_same_again_writes_nothing_unless_damaged(tmp_path, monkeypatch):
    artefacts, written = Artefacts(Store(tmp_path)), []
    place = Disk.place
    monkeypatch.setattr(Disk, "place", lambda *a: written.append(a[1]) or place(*a))
    for _ in range(2):
        artefacts.put(ARRAYS, FACTS)
    assert len(written) == 1
    artefacts.path(NAME).write_bytes(b"")
    artefacts.put(ARRAYS, FACTS)
    assert len(written) == 2
    assert artefacts.get(NAME).facts == FACTS


def test_damage_and_absence_are_one_line(tmp_path):
    artefacts = Artefacts(Store(tmp_path))
    path = artefacts.path(artefacts.put(ARRAYS, FACTS))
    whole = path.read_bytes()

    def refused(name, message):
        with pytest.raises(StoreError, match=message) as caught:
            artefacts.get(name)
        assert "\n" not in str(caught.value)

    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(NAME, "is damaged: the checksum")
    path.write_bytes(whole[:-1])
    refused(NAME, "is damaged: the checksum")
    path.unlink()
    refused(NAME, f"artefact {NAME[:12]} cannot be read: .*{NAME}.safetensors is missing")
    refused("../../etc", "named by 64 hexadecimal digits, not by '../../etc'")
    import hashlib

    data = safetensors.save({"x": np.ones(2)})  # whole, but without facts
    name = hashlib.sha256(data).hexdigest()
    artefacts.path(name).write_bytes(data)
    refused(name, "is no artefact")


def test_a_full_disk_leaves_nothing(tmp_path):
    class Full(Disk):
        def write(self, path, data):
            path.write_bytes(data[:9])
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull, match="the disk is full"):
        Artefacts(Store(tmp_path, disk=Full())).put(ARRAYS, FACTS)
    assert list((tmp_path / "artefacts").iterdir()) == []
