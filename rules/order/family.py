"""What an order takes over from those it was split from or combined from (rules.md 1.7).

Everything is decided from each order's own creation, never from what another one is bound to: so
orders that name each other as parents come to rest.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from rules.order.trail import Version
from schemas.ids import Micros

Key: TypeAlias = tuple[int, bytes]
"""An order: (merchant number, packed id)."""
MOST_SOURCES = 100
"""Orders combined into one that are looked at: the first by their ids."""


MOST_GENERATIONS = 100
"""Orders one above the other that are looked at: a split has two or three. Whoever names each order
as the next one's parent would make each dearer than the one before.
"""


class FamilyRecord(NamedTuple):
    """What one record says of an order's family: None says nothing, an empty value says *none*."""

    parent: bytes | None = None
    sources: tuple[bytes, ...] | None = None
    combined_to: bytes | None = None


class Origin(NamedTuple):
    """Where an order comes from, told apart from its newest record.

    `heard_at` is the earliest Kafka timestamp of its own records, `first` the lowest version of
    them: its `created_at` counts. `parent` is the order that it was split from, `sources` are those
    that were combined into it, `combined_to` the one that it was combined into; each with the
    version of the newest record that says so.
    """

    heard_at: Micros | None = None
    first: Version | None = None
    parent: bytes = b""
    parent_told: Version | None = None
    sources: tuple[bytes, ...] = ()
    sources_told: Version | None = None
    combined_to: bytes = b""
    combined_told: Version | None = None

    def heard(self, at: Micros) -> "Origin":
        """With a record of that Kafka timestamp; the same object when it was heard of before."""
        if self.heard_at is not None and self.heard_at <= at:
            return self
        return Origin(at, *self[1:])  # what `_replace` makes, for half its price

    def told(self, family: FamilyRecord, version: Version) -> "Origin":
        """With what a record says; of each thing the newest record that says it counts."""
        origin = self
        parent, sources, combined_to = family
        if parent is not None and _is_newer(version, parent, origin.parent_told, origin.parent):
            origin = origin._replace(parent=parent, parent_told=version)
        if sources is not None and _is_newer(version, sources, origin.sources_told, origin.sources):
            origin = origin._replace(sources=sources, sources_told=version)
        if combined_to is not None and _is_newer(
            version, combined_to, origin.combined_told, origin.combined_to
        ):
            origin = origin._replace(combined_to=combined_to, combined_told=version)
        return origin

    @property
    def ancestors(self) -> tuple[bytes, ...]:
        """The orders that it names as those it comes from."""
        return (self.parent, *self.sources) if self.parent else self.sources


UNKNOWN_ORIGIN = Origin()


class Ancestor(NamedTuple):
    """An order as its descendants see it: the facts of its own creation."""

    created_at: Micros
    heard_at: Micros | None = None
    tier: str | None = None
    created_by: str | None = None
    parent: bytes = b""
    sources: tuple[bytes, ...] = ()


class Creation(NamedTuple):
    """The facts of creation that an order is judged by, if they are not its own.

    `root` is the order whose creation, tier and channel they are, `bound_as` the one whose settings
    and feature they are: another one where the root was combined from older orders.
    """

    root: bytes
    created_at: Micros
    tier: str | None
    created_by: str | None
    bound_as: bytes
    bound_at: Micros
    heard_at: Micros | None


def creation_of(key: Key, known: Mapping[Key, Ancestor]) -> Creation | None:
    """The creation that an order is judged by; None when that is its own.

    Of a split child it is that of its root ancestor, as far as that is known; an order whose
    parents lead back to itself is its own root. A combined order is bound as its oldest ancestor.
    """
    root = _root_of(key, known)
    bound_as = _bound_as(root, known)
    if root == key == bound_as:
        return None
    own, oldest = known[root], known[bound_as]
    return Creation(
        root=root[1],
        created_at=own.created_at,
        tier=own.tier,
        created_by=own.created_by,
        bound_as=bound_as[1],
        bound_at=oldest.created_at,
        heard_at=oldest.heard_at,
    )


def is_own_ancestor(key: Key, known: Mapping[Key, Ancestor]) -> bool:
    """Whether the order's ancestors lead back to itself."""
    return key in _all_above(key, known)


def _root_of(key: Key, known: Mapping[Key, Ancestor]) -> Key:
    """The highest known order above; where parents go round, the first one of the round."""
    root, passed = key, {key}
    for _ in range(MOST_GENERATIONS):
        here = known.get(root)
        above = (key[0], here.parent) if here is not None and here.parent else None
        if above is None or above not in known:
            return root
        if above in passed:
            return above
        root = above
        passed.add(above)
    return root


def _bound_as(root: Key, known: Mapping[Key, Ancestor]) -> Key:
    if root not in known or not known[root].sources:
        return root
    above = _all_above(root, known)
    if root in above or not above:
        return root
    return min(above, key=lambda one: (known[one].created_at, one))


def _all_above(key: Key, known: Mapping[Key, Ancestor]) -> set[Key]:
    """All known ancestors, by splits and by combinations."""
    above: set[Key] = set()
    generation = {key} & known.keys()
    for _ in range(MOST_GENERATIONS):
        named = {
            (key[0], order_id)
            for one in generation
            for order_id in (known[one].parent, *known[one].sources)
        }
        generation = (named & known.keys()) - above
        if not generation:
            break
        above |= generation
    return above


def _is_newer(
    version: Version,
    value: bytes | tuple[bytes, ...],
    told: Version | None,
    before: bytes | tuple[bytes, ...],
) -> bool:
    """A tie in the version falls by the value, the same way everywhere."""
    if told is None or version > told:
        return True
    return version == told and repr(value) > repr(before)
