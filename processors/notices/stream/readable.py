"""Records as the client reads them, also where a header has a name that is no UTF-8.

The client decodes names strictly, and so one record that anybody may write would end every worker
that comes upon it. The engine's client forgets such headers; here the names are replaced.
"""

from collections.abc import Iterator
from typing import Any, Final, cast

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

_PLAIN: Final = 2
"""Batches before this version of the format have no headers."""


class ReadableRecords:
    """What the client makes of bytes that it fetched."""

    def __init__(self, data: bytes) -> None:
        """Takes the bytes of any number of batches; the last may be cut off."""
        self._of = _MemoryRecordsPy(data)

    def size_in_bytes(self) -> int:
        """How much was fetched."""
        return int(self._of.size_in_bytes())

    def has_next(self) -> bool:
        """Whether there is another whole batch."""
        return bool(self._of.has_next())

    def next_batch(self) -> Any:
        """The next batch, None behind the last."""
        data = self._of._next_slice  # noqa: SLF001 - it gives batches, and not what they are made of
        batch: Any = self._of.next_batch()
        if batch is None or batch.magic < _PLAIN or batch.is_control_batch:
            return batch
        return _Batch(batch, bytes(data or b""))


class _Batch:
    """A batch by the client's fast reader; again by the slow one where that fails over a name."""

    def __init__(self, fast: Any, data: bytes) -> None:
        self._fast, self._data = fast, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __iter__(self) -> Iterator[Any]:
        after = -1
        try:
            for record in self._fast:
                after = record.offset
                yield record
        except (UnicodeDecodeError, CorruptRecordException):
            yield from (record for record in _slowly(self._data) if record.offset > after)


class _Names(bytearray):
    """Bytes, of which any piece can be decoded."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _Names(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """With U+FFFD for what cannot be decoded, whatever the client wants."""
        del errors
        return super().decode(encoding, "replace")


def _slowly(data: bytes) -> Iterator[Any]:
    batch = iter(_DefaultRecordBatchPy(data))  # which is decompressed now
    batch._buffer = _Names(batch._buffer)  # noqa: SLF001 - the only thing of it that decodes
    return cast("Iterator[Any]", batch)


def read_any_name() -> None:
    """Lets the client of this process read such records as well."""
    setattr(fetcher, "MemoryRecords", ReadableRecords)  # noqa: B010 - the module's own name
