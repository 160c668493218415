"""What an instrument measured on a run: tidy rows in a Parquet file that says what they are.

The file, its name and the facts in it are described in `grokbook.store.measurements`.  Columns:

    step      int32    updates made at the snapshot; of a whole trajectory its last
    quantity  text     what is measured; `grokbook describe INSTRUMENT` has unit and meaning
    part      text     of the model or the loss; empty for all
    variant   text     protocol or null: published, corrected, random walk, …
    at        float32  the free coordinate where there is one, else NaN
    value     float32
    error     float32  of the value, in its unit; NaN where it is exact up to rounding
    count     int32    samples behind the value

Instruments compute in float64; seven digits are kept, a third of the bytes.  Recorded errors have
five binary digits, rounded up: an error says how far to trust a value, and the other digits of it
would be a fifth of all bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from grokbook.instruments.instrument import Instrument, Row
from grokbook.instruments.subject import Subject
from grokbook.store import Store, StoreError
from grokbook.store.measurements import FORMAT, Facts, read

SCHEMA = pa.schema(
    [
        ("step", pa.int32()),
        ("quantity", pa.dictionary(pa.int32(), pa.string())),
        ("part", pa.dictionary(pa.int32(), pa.string())),
        ("variant", pa.dictionary(pa.int32(), pa.string())),
        ("at", pa.float32()),
        ("value", pa.float32()),
        ("error", pa.float32()),
        ("count", pa.int32()),
    ]
)


_NUMBERS = ("value", "error")
_ERROR_DIGITS = 5
_FLOAT32_DIGITS = 24


@dataclass(frozen=True, eq=False)  # frames have no truth value to compare by
class Measurement(Facts):
    """Rows of one instrument on one run, complete or as far as they have come.

    Attributes:
        rows: one `Row` a line; the other fields are those of `Facts`.
    """

    rows: pd.DataFrame

    @classmethod
    def named(
        cls, instrument: Instrument, subject: Subject, parameters: Mapping[str, Any]
    ) -> Measurement:
        """A measurement without a row and without points: what its file is called by."""
        sibling = subject.sibling() if instrument.sibling else None
        return cls(
            instrument.name,
            instrument.version,
            as_json(parameters),
            subject.config.id,
            subject.run.path.name,
            subject.last,
            "" if sibling is None else "/".join(sibling.run.path.parts[-2:]),
            (),
            (),
            0.0,
            as_frame(()),
        )

    @classmethod
    def begin(
        cls, instrument: Instrument, subject: Subject, parameters: Mapping[str, Any]
    ) -> Measurement:
        """A measurement without a row, with the points that are to be measured."""
        points = tuple(int(step) for step in instrument.points(subject, parameters))
        return replace(cls.named(instrument, subject, parameters), points=points)

    def with_rows(self, found: Mapping[int, Iterable[Row]], seconds: float) -> Measurement:
        """With more points measured, in order of their steps."""
        new = as_frame([row for rows in found.values() for row in rows])
        rows = pd.concat([self.rows, new], ignore_index=True) if len(self.rows) else new
        return replace(
            self,
            measured=tuple(sorted({*self.measured, *found})),
            seconds=self.seconds + seconds,
            rows=rows,
        )

    def to_bytes(self) -> bytes:
        """The file: equal measurements are equal bytes."""
        facts = {k: v for k, v in vars(self).items() if k != "rows"} | {"format": FORMAT}
        ordered = self.rows.sort_values("step", kind="stable", ignore_index=True)
        table = pa.Table.from_pandas(ordered, schema=SCHEMA, preserve_index=False)
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        file = io.BytesIO()
        pq.write_table(
            table.replace_schema_metadata({"grokbook": text}),
            file,
            compression="zstd",
            compression_level=19,
            use_dictionary=[name for name in SCHEMA.names if name not in _NUMBERS],
            column_encoding=dict.fromkeys(_NUMBERS, "BYTE_STREAM_SPLIT"),
            write_statistics=False,
            write_page_checksum=True,
        )
        return file.getvalue()

    def with_short_errors(self) -> Measurement:
        """With errors of five binary digits: rounded up, so never smaller, nor 1/16 larger."""
        errors = self.rows["error"].to_numpy("float32")
        # Adding all ones below the last digit kept carries into it unless they are all 0; a carry
        # out of the digits goes into the exponent, as it should.
        below = np.uint32(2 ** (_FLOAT32_DIGITS - _ERROR_DIGITS) - 1)
        short = ((errors.view(np.uint32) + below) & ~below).view(np.float32)
        kept = np.where(np.isfinite(errors), short, errors)
        return replace(self, rows=self.rows.assign(error=kept))

    def reread(self) -> Measurement:
        """As it comes back from its file: rows in order."""
        return self._from(self.to_bytes(), self.name)

    @classmethod
    def read(cls, path: Path) -> Measurement:
        """A measurement from its file.

        Raises:
            StoreError: naming the file if it is damaged or of another format.
        """
        try:
            data = path.read_bytes()
        except OSError:
            raise StoreError(f"{path} is damaged: it is no measurement") from None
        return cls._from(data, str(path))

    @classmethod
    def _from(cls, data: bytes, what: str) -> Measurement:
        table, facts = read(data, what)
        return cls(rows=table.cast(_plain(table.schema)).to_pandas(), **vars(facts))


def find(store: Store, named: Measurement) -> Measurement | None:
    """What was measured before of this measurement; None if nothing was.

    Its points are those that it was begun with: a run that came in a pack may lack the snapshots
    at which it was measured elsewhere, and what was measured stays measured.

    Raises:
        StoreError: if the file is damaged, and what to do then.
    """
    path = named.path(store)
    try:
        return Measurement.read(path) if path.exists() else None
    except StoreError as error:
        raise StoreError(f"{error}; delete it, and it is measured anew") from None


def as_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a file has them: tuples are lists there."""
    return json.loads(json.dumps(dict(parameters)))


def as_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table, a column a field."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=SCHEMA.names)
    numbers = dict.fromkeys(("step", "count"), "int32")
    numbers |= dict.fromkeys(("at", "value", "error"), "float32")
    return frame.astype(numbers | dict.fromkeys(("quantity", "part", "variant"), object))


def _plain(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in schema]
    )
