"""Parquet files from bytes, read on the thread that asks for them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq


def table(content: bytes) -> pa.Table:
    """The rows of a file, its pages checked where they carry a checksum.

    `pyarrow.parquet.read_table` hands the reading to threads of Arrow's own, which let go of the
    bytes some time after the rows are there.  If the interpreter is leaving by then, that thread
    is ended in the middle of C++ code, and a command that did its work aborts with status 134.

    Raises:
        OSError, pyarrow.ArrowException: if it is no such file, or damaged.

    >>> import io
    >>> file = io.BytesIO()
    >>> pq.write_table(pa.table({"step": [0, 100]}), file)
    >>> table(file.getvalue())["step"].to_pylist()
    [0, 100]
    """
    with pq.ParquetFile(
        pa.BufferReader(content), pre_buffer=False, page_checksum_verification=True
    ) as file:
        return file.read(use_threads=False)
