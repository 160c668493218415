"""Smaller forms of three files of a run, for the recorded results.

The store writes the answers evaluation by evaluation, as they come.  A pair's own history changes
far less often than neighbouring pairs differ, so the same bits turned about, pair by pair over
time, compress to half, and LZMA takes a sixth off again; no bit is lost.  Inner products are
symmetric; the upper triangle says it all.  They are of float32 weights, and float32 holds each of
them to 2⁻²⁴ of itself; their last 29 bits would be a third of all results.

    answers.npz   bits (E, T, ⌈N/8⌉)      →  histories (T, 8⌈N/8⌉, ⌈E/8⌉)
    gram.npz      products (9, S, S)      →  products (9, S (S + 1) / 2) float32, row by row
    band.npz      products (B, 210)       →  the same in float32

What reads them takes both forms: packs and the store hold the first.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np


def answers(content: bytes) -> bytes:
    """``answers.npz`` by pairs over time, most significant bit first."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        if "histories" in archive:
            return content
        steps, bits = archive["steps"], archive["bits"]
    # Bits that fill up the last byte are 0; they become pairs that are never right.
    times = np.unpackbits(bits, axis=-1).transpose(1, 2, 0)
    return _archive(steps=steps, histories=np.packbits(times, axis=-1))


def answer_bits(content: bytes) -> np.ndarray:
    """(E, T, ⌈N/8⌉) packed answers from ``answers.npz`` in either form."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        if "bits" in archive:
            return archive["bits"]
        histories = archive["histories"]
        times = np.unpackbits(histories, axis=-1, count=len(archive["steps"]))
    return np.packbits(times.transpose(2, 0, 1), axis=-1)


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
    return _archive(**arrays | {"products": products.astype(np.float32)})


def bands(content: bytes) -> bytes:
    """``band.npz`` in float32."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = dict(archive)
    if arrays["products"].dtype == np.float32:
        return content
    return _archive(**arrays | {"products": arrays["products"].astype(np.float32)})


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


def _archive(**arrays: np.ndarray) -> bytes:
    """An ``.npz``, which a ZIP file is, by LZMA; ``numpy.load`` reads it as any other."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            # With a date of its own a record's digest would change each time that it is made.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_LZMA)
    return file.getvalue()
