"""Rows come back as they are, and no thread of Arrow's is left with them."""

import io
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grokbook.store import parquet

ROWS = pa.table(
    {"step": list(range(0, 900, 100)), "value": [k / 7 for k in range(9)], "part": ["a"] * 9}
)


def written(**options):
    file = io.BytesIO()
    pq.write_table(ROWS.replace_schema_metadata({"who": "rows"}), file, **options)
    return file.getvalue()


def test_rows_and_their_metadata_come_back():
    found = parquet.table(written(compression="zstd", write_page_checksum=True))
    assert found.equals(ROWS) and found.schema.metadata[b"who"] == b"rows"


def test_a_page_that_does_not_fit_its_checksum_is_refused():
    content = bytearray(written(compression="none", use_dictionary=False, write_page_checksum=True))
    at = content.find(ROWS["value"].chunk(0).buffers()[1].to_pybytes()[8:16])
    content[at] ^= 1
    with pytest.raises((OSError, pa.ArrowException)):
        parquet.table(bytes(content))


LEAVES_NO_THREAD = """
import os, sys
from grokbook.store import parquet
content = open(sys.argv[1], "rb").read()
parquet.table(content)  # what is loaded on first use is loaded
before = set(os.listdir("/proc/self/task"))
for _ in range(50):
    parquet.table(content)
    assert set(os.listdir("/proc/self/task")) == before
print(len(before))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="lists threads as Linux does")
def test_reading_starts_no_thread(tmp_path):
    """One that outlives the rows aborts a command that has done its work, once in a while."""
    (tmp_path / "rows.parquet").write_bytes(written())
    call = [sys.executable, "-c", LEAVES_NO_THREAD, str(tmp_path / "rows.parquet")]
    with_reader = subprocess.run(call, capture_output=True, text=True, check=True)
    bare = LEAVES_NO_THREAD.replace("parquet.table(content)", "pass").replace(
        "content = open", "import pyarrow.parquet; content = open"
    )
    without = subprocess.run([*call[:2], bare, call[3]], capture_output=True, text=True, check=True)
    assert int(with_reader.stdout) == int(without.stdout)
