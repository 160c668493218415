"""Packing runs for the way home from a machine that gives back only a few small files.

    packed = pack(store.runs(), Path("home"), limit=60_000_000)

What goes in, in this order, until the limit is reached:

1. the record of every run: config, numerics, hardware, the facts of its marker, metrics, answers,
   band and Gram matrices; of a run that has not ended, as far as it has come, marked partial; of a
   run with an intervention, what its basis was measured by;
2. what was measured on the runs, complete or as far as it has come, the smallest files first;
3. the newest resume point of every run that has not ended, so that it can go on elsewhere;
4. the bases that these runs need to go on, each once;
5. every run's last snapshot;
6. more snapshots, thinned evenly, first and last included; every run gets one more in turn.

What is left out is said.  `grokbook.store.unpacking` takes a pack into a store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grokbook.checks import integer
from grokbook.store.files import StoreError
from grokbook.store.parts import (
    ENTRY_BYTES,
    FRAME_BYTES,
    LIMIT,
    PartWriter,
    require_limit,
    require_room,
)
from grokbook.store.run_directory import RunDirectory
from grokbook.store.source import PackedRun, Room, Source
from grokbook.store.unpacking import Unpacked, unpack

__all__ = ["LIMIT", "Packed", "PackedRun", "Unpacked", "pack", "unpack"]


@dataclass(frozen=True)
class Packed:
    """A pack that was written.

    Attributes:
        folder: where it lies.
        bytes: of all its files.
        runs: what became of each run, in the order in which they were given.
    """

    folder: Path
    bytes: int
    runs: tuple[PackedRun, ...]


def pack(runs: Sequence[RunDirectory], folder: Path, *, limit: int = LIMIT) -> Packed:
    """Pack runs into at most eight files of at most 16 MB.

    A run may be in training meanwhile; what it replaces under our hands is left out.

    Args:
        runs: of a store; a run given twice is packed once.
        folder: new, or that of an older pack, which is replaced.
        limit: bytes of all files together; 112 MB at most, whatever it says.

    Raises:
        ConfigError: if the limit is no positive whole number.
        StoreError: if there is nothing to pack, the folder holds other things, or the records
            alone pass the limit, saying how much they need.
        DiskFull: an older pack still stands.
    """
    limit = integer("limit", limit, low=1)
    require_room(folder)
    sources = [Source(path) for path in dict.fromkeys(run.path for run in runs)]
    ready = [source for source in sources if source.found]
    if not ready:
        why = [line for source in sources for line in source.left_out]
        raise StoreError("; ".join(["there is nothing to pack", *why]))
    bases = _choose(ready, limit)
    with PartWriter(folder) as writer:
        entries = [source.write(writer) for source in ready]
        size = writer.close(entries, [writer.add(*each) for each in bases.items()])
    return Packed(folder, size, tuple(source.outcome() for source in sources))


def _choose(sources: list[Source], limit: int) -> dict[str, bytes]:
    """Decide what goes in beside the records.

    Returns:
        Bases and their notes: files by name.

    Raises:
        StoreError: if not even the records do.
    """
    room = Room(limit)
    bases = {name: data for source in sources for name, data in source.notes.items()}
    records = [data for source in sources for data in source.files.values()]
    size = sum(map(len, [*records, *bases.values()]))
    entries = sum(source.entry_bytes() for source in sources) + ENTRY_BYTES * len(bases)
    require_limit(len(sources), limit, FRAME_BYTES + size + entries)
    if not room.take(size, entries):
        raise StoreError(f"the records of {len(sources)} runs are too many for one index")
    waiting = [(size, k, name) for k, s in enumerate(sources) for name, size in s.sizes()]
    for _, k, name in sorted(waiting):
        sources[k].bring(name, room)
    for source in sources:
        source.with_point = source.point is not None and room.take(source.point["bytes"])
    for source in sources:
        source.bring_basis(bases, room)
    # The first round gives every run its last snapshot, each further round one more.
    growing = sources
    while growing:
        growing = [source for source in growing if source.grow(room)]
    return bases
