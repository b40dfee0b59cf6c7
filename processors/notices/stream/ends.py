"""Where the logs end behind the last record: markers and aborted records bring none.

A marker of a transactional producer at the end of a log would look as if something were still to be
read. The client knows that it has read past it.
"""

from collections.abc import Mapping

from processors.notices.stream.faust_types import TP


class Ends:
    """What the client gave of each partition, and how far it has read. In the client's thread."""

    def __init__(self) -> None:
        self._given: dict[TP, int] = {}

    def seek(self, starts: Mapping[TP, int]) -> None:
        """The partitions are read from these offsets on; what was read before counts no more."""
        self._given = dict(starts)

    def give(self, behind: Mapping[TP, int]) -> None:
        """Records were given; of each partition the offset behind the last of them."""
        self._given.update(behind)

    def reached(self, positions: Mapping[TP, int]) -> dict[TP, tuple[int, int]]:
        """The offsets behind the last record given and behind the last one read, if further on.

        `positions` are those of the client. Between the two there is no record.
        """
        return {
            tp: (self._given[tp], position)
            for tp, position in positions.items()
            if tp in self._given and position > self._given[tp]
        }
