"""Smaller forms of three files of a run, for the recorded results.

The store writes the answers evaluation by evaluation, as they come.  A pair's own history changes
far less often than neighbouring pairs differ, so the same bits turned about, pair by pair over
time, compress to half, and LZMA takes a sixth off again.  On a long plateau pairs flicker and
nothing is learned; they are thinned (`kept`), and elsewhere no bit is lost.  Inner products are
symmetric; the upper triangle says it all.  They are of float32 weights, and float32 holds each of
them to 2⁻²⁴ of itself; their last 29 bits would be a third of all results.  Metrics keep all
their bits: neighbouring rows agree in the first bytes of a number and in no other, so that those
bytes compress once they lie together.

    answers.npz      bits (E, T, ⌈N/8⌉)      →  histories (T, 8⌈N/8⌉, ⌈A/8⌉), A ≤ E
    gram.npz         products (9, S, S)      →  products (9, S (S + 1) / 2) float32, row by row
    metrics.parquet  plain                   →  the same, split into bytes; no schema of pandas

What reads them takes both forms: packs and the store hold the first.

``band.npz`` is not recorded.  An instrument reads it together with snapshots of the attention
matrices, which are too large for git; without them no one could.

Of a run with an intervention no inner products are recorded, and its answers are thinned from end
to end: it is there for when it groks, which the metrics tell, and there are many of them.  So are
those of a run in the symmetric split with more than `LONG_APART` evaluations: there every test pair
is twinless, and where a task never groks the whole run would be its rise.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from grokbook.store import parquet
from grokbook.thinning import one_in

if TYPE_CHECKING:  # a record is read by this module
    from grokbook.config import Config
    from grokbook.record import RunRecord

LONG = 128
"""Evaluations; of a run with more than that not all answers are kept."""
LONG_APART = 1_000
"""Evaluations; of a run in the symmetric split with more than that answers are thinned from end to
end."""
THINNED = 10
"""One evaluation in so many is kept while all is known by heart and nothing half understood."""


def products_are_kept(config: Config) -> bool:
    """Are the inner products of a run recorded?  Not with an intervention."""
    return config.intervention is None


def kept(record: RunRecord) -> np.ndarray:
    """(A,) indices of the evaluations whose answers are recorded, pair by pair.

    Of a run with an intervention, and of one in the symmetric split with more than `LONG_APART`
    evaluations, one in `THINNED`, and the last.  Of any other with up to `LONG` evaluations all.
    Of more: every one at which a task is still learned by heart (training accuracy below 0.99) or
    understood (test accuracy ½ or more), of the others, which are the plateau between, one in
    `THINNED`, and the last.  Accuracies, the twinless pairs' among them, are kept of every
    evaluation.
    """
    some = np.arange(len(record.steps))
    few = one_in(THINNED, len(some))
    config = record.config
    apart = getattr(config, "split", "") == "symmetric" and len(some) > LONG_APART
    if config.intervention is not None or apart:
        return few
    if len(some) <= LONG:
        return some
    train, test = (
        np.stack([record.accuracy(task, part) for task in record.config.tasks])
        for part in ("train", "test")
    )
    moving = ((train < 0.99) | (test >= 0.5)).any(axis=0)
    return np.union1d(some[moving], few)


def files(record: RunRecord, content: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a run in the forms in which they are recorded.

    Args:
        record: of the run.
        content: the bytes of the files by name, in either form.
    """
    told = {"metrics.parquet": metrics(content["metrics.parquet"]), "answers.npz": answers(record)}
    if not products_are_kept(record.config):
        return told
    return told | {"gram.npz": grams(content["gram.npz"])}


def metrics(content: bytes) -> bytes:
    """``metrics.parquet`` with the same columns to the bit, in three fifths of the bytes."""
    table = parquet.table(content).replace_schema_metadata(None)
    # Accuracies are multiples of one pair's share, and of those few occur.
    few = [name for name in table.column_names if "accuracy" in name]
    split = [name for name in table.column_names if name not in {"step", *few}]
    file = io.BytesIO()
    pq.write_table(
        table,
        file,
        compression="zstd",
        compression_level=19,
        use_dictionary=few,
        column_encoding=dict.fromkeys(split, "BYTE_STREAM_SPLIT") | {"step": "DELTA_BINARY_PACKED"},
        store_schema=False,
        write_statistics=False,
        write_page_checksum=True,
    )
    return file.getvalue()


def answers(record: RunRecord) -> bytes:
    """``answers.npz`` of a record: pairs over time, most significant bit first."""
    rows = np.flatnonzero(np.isin(record.answer_steps, record.steps[kept(record)]))
    # Bits that fill up the last byte are 0; they become pairs that are never right.
    times = np.unpackbits(record.bits[rows], axis=-1).transpose(1, 2, 0)
    arrays = {
        "steps": record.answer_steps[rows],
        "histories": np.packbits(times, axis=-1),
    }
    if len(rows) < len(record.steps):
        arrays["twinless"] = record.twinless_right.astype(np.uint32)
    return _by_lzma(**arrays)


def read_answers(content: bytes) -> dict[str, np.ndarray]:
    """What a `grokbook.record.RunRecord` says of answers, from ``answers.npz`` in either form."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        if "bits" in archive:
            return {"bits": archive["bits"]}
        found = {"answered": archive["steps"]}
        times = np.unpackbits(archive["histories"], axis=-1, count=len(archive["steps"]))
        if "twinless" in archive:
            found["twinless"] = archive["twinless"]
    return found | {"bits": np.packbits(times.transpose(2, 0, 1), axis=-1)}


def grams(content: bytes) -> bytes:
    """``gram.npz`` with each matrix's upper triangle in float32; whole if one is not symmetric."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    products = arrays["products"]
    if products.dtype == np.float32:
        return content
    if products.ndim == 3:
        if not np.array_equal(products, products.transpose(0, 2, 1)):
            return content
        rows, columns = np.triu_indices(products.shape[-1])
        products = products[:, rows, columns]
    return _by_lzma(**arrays | {"products": products.astype(np.float32)})


def gram_products(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """(9, S, S) inner products in float64 from the arrays of ``gram.npz`` in either form."""
    products = arrays["products"]
    if products.ndim == 3:
        return products
    size = len(arrays["steps"])
    rows, columns = np.triu_indices(size)
    whole = np.empty((len(products), size, size))
    whole[:, rows, columns] = whole[:, columns, rows] = products
    return whole


def _by_lzma(**arrays: np.ndarray) -> bytes:
    """An ``.npz``, which a ZIP file is, by LZMA; ``numpy.load`` reads it as any other."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            # With a date of its own a record's digest would change each time that it is made.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_LZMA)
    return file.getvalue()
