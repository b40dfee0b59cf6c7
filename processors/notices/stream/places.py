"""Which partitions the worker has, and where it is in each."""

from collections.abc import Iterable, Mapping

from processors.notices.stream.faust_types import TP
from processors.pipeline.lag import Lag
from processors.pipeline.pipeline import Done
from store.streams.cursors import PartitionId


class AssignedPlaces:
    """The partitions that the group has given to this worker.

    The event loop writes which they are, the thread of the database where it is in each, and that
    of the client where logs end without a record; all only replace single values.
    """

    def __init__(self, cluster: str, uuids: Mapping[str, str]) -> None:
        """`uuids` of the topics, as they were when the worker began."""
        self.cluster, self.uuids = cluster, dict(uuids)
        self.places: dict[tuple[str, int], PartitionId] = {}
        self.positions: dict[PartitionId, int] = {}
        self.generation = 0
        self._ends: dict[PartitionId, tuple[int, int]] = {}
        self.group_generation: int | None = None
        self.answered = False
        self._lag = Lag(list(uuids))

    def place(self, tp: TP) -> PartitionId:
        """The partition by the topic's uuid."""
        return PartitionId(tp.topic, self.uuids[tp.topic], tp.partition)

    def start(self, starts: Mapping[TP, int], group_generation: int | None) -> None:
        """The group has answered: these are ours, each from an offset on.

        What the client read before has another `group_generation`.
        """
        self.revoke(self.places)
        self.group_generation = group_generation
        for tp, offset in starts.items():
            place = self.place(tp)
            self.positions[place] = offset
            self.places[tp.topic, tp.partition] = place
        self.answered = True

    def revoke(self, keys: Iterable[tuple[str, int]]) -> None:
        """These are ours no longer: what is in hand of them is another's."""
        self.generation += 1
        for key in list(keys):
            place = self.places.pop(key, None)
            if place is not None:
                self.positions.pop(place, None)

    def wait(self) -> None:
        """The group is asked again: until it answers, nothing is known."""
        self.answered = False

    def done(self, offsets: Mapping[PartitionId, int]) -> None:
        """Notes new positions after a commit."""
        for place, offset in offsets.items():
            if place in self.positions:
                self.positions[place] = offset

    def reach(self, ends: Mapping[TP, tuple[int, int]]) -> None:
        """Nothing lies between two offsets of these partitions: `stream.ends`."""
        for tp, of_tp in ends.items():
            place = self.places.get((tp.topic, tp.partition))
            if place is not None:
                self._ends[place] = of_tp

    def ahead(self, topic: str) -> dict[PartitionId, int]:
        """Where a topic's logs end that we have read to where nothing but markers follows.

        While a record that was given is still in hand, our position is not behind it (I6).
        """
        return {
            place: end
            for place, (at, end) in self._ends.copy().items()
            if place.topic == topic and self.positions.get(place) == at
        }

    def processed(self, done: Done, newest: float) -> None:
        """Records up to a timestamp (seconds) were processed."""
        self._lag.processed(done, newest)

    def show_lag(self, lags: Mapping[PartitionId, int]) -> None:
        """Takes how many records are left of each partition."""
        self._lag.update(lags)
