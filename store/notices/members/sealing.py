"""Texts of members, sealed under a key of each member's own; without the key nobody reads them.

A member's key is random and lies in a schema that dumps leave out, wrapped under a key-encryption
key from a file. To erase a member is to delete the key. Values are AES-256-GCM, bound to the shop,
the member and the field, so that none can stand in another's place. They are padded, so that a
length tells nothing of a language, and little of a name.

sealer = keys.with_keys(cursor, members, create=True)    the keys of a batch, locked
sealer.seal(merchant_no, member_id, "email", text)       one value
"""

import hmac
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rules.signed_tokens import KeysError, NamedKey, named_keys
from schemas.errors import Exit, PointsError
from store.notices.members.members import MEMBER, Member, arrays_of
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor
from store.postgres.tables import notices as tables

START: Final[Member] = (0, "")
"""Before all members."""

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
PADDED: Final = 32
"""A sealed text's length is a multiple of it."""
_LAYOUT: Final = b"\x01"
"""The first byte of everything sealed: how the rest is to be read."""
_ADDRESSES: Final = b"member-points address hmac\x01"
"""What the key of the addresses' HMAC is made of (HKDF's expansion, RFC 5869, one block)."""

_KEY: Final = Columns(tables.member_key, "merchant_no", "member_id")
_ROW: Final = _KEY.plus("wrapped", "kek_id")
_SQL: Final = queries("notices/members/sealing", key=MEMBER, row=_ROW)


REASON: Final = "reason"
"""The field of the free text of whoever gave points; the others are those of a contact."""


class SealingKeyMissing(PointsError):
    """A member's key is wrapped under a key that this process was not given."""

    code = "sealing_key_missing"
    exit_code = Exit.USAGE

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"contacts are sealed under the key {key_id}, which the key file does not have",
            "give its line back, then run `points notices keys rotate` before it goes",
        )


class NoMemberKey(LookupError):
    """A value was to be sealed for a member whose key was not loaded."""


def key_encryption_keys(text: str) -> tuple[NamedKey, ...]:
    """The keys of a key file, a line `kid:base64url` each: the first wraps, all unwrap.

    Empty lines and those that begin with # say nothing. Raises KeysError.
    """
    lines = [line.strip() for line in text.splitlines()]
    keys = named_keys([line for line in lines if line and not line.startswith("#")])
    if not keys:
        raise KeysError(["there is no key in it: write a line kid:base64url"])
    wrong = [place for place, key in enumerate(keys, 1) if len(key.secret) != KEY_BYTES]
    if wrong:
        raise KeysError([f"key {place} is not of {KEY_BYTES} bytes" for place in wrong])
    return keys


class Sealer:
    """Seals and opens texts of those members whose keys it has. For one batch, in one thread."""

    def __init__(
        self,
        keys: Sequence[NamedKey],
        members: Mapping[Member, bytes] | None = None,
        created: Collection[Member] = (),
    ) -> None:
        """`keys` wrap the members' (the first) and unwrap them (all).

        `created`: those of the members who had no key before.
        """
        self._keys = {key.key_id: AESGCM(key.secret) for key in keys}
        self._first = keys[0].key_id
        self._named = tuple(keys)
        self._members: Mapping[Member, bytes] = members or {}
        self._ciphers: dict[Member, AESGCM] = {}
        self.created = frozenset(created)

    def __repr__(self) -> str:
        """Says nothing of keys."""
        return f"Sealer(of {len(self._members)} members)"

    def with_keys(self, cursor: Cursor, members: Collection[Member], *, create: bool) -> "Sealer":
        """A sealer with these members' keys, and with nobody else's.

        With `create`, members without one are given one, and all of the keys are locked until the
        transaction ends: whoever writes what is sealed under them, or erases them, takes turns.
        Raises SealingKeyMissing.
        """
        wanted = sorted(set(members))
        if not wanted:
            return Sealer(self._named)
        if not create:
            return Sealer(self._named, self._found(cursor, "read", wanted))
        found, created = self._found(cursor, "lock", wanted), set[Member]()
        while new := [member for member in wanted if member not in found]:
            made = self._create(cursor, new)
            found |= made
            created |= made.keys()
            # Others made the rest meanwhile, or erase them: theirs count once they have committed.
            if rest := [member for member in new if member not in found]:
                found |= self._found(cursor, "lock", rest)
        return Sealer(self._named, found, created)

    def _found(
        self, cursor: Cursor, statement: str, members: Sequence[Member]
    ) -> dict[Member, bytes]:
        cursor.execute(_SQL[statement], arrays_of(members), binary=True)
        return {
            (merchant_no, member_id): self._unwrap((merchant_no, member_id), wrapped, key_id)
            for merchant_no, member_id, wrapped, key_id in cursor.fetchall()
        }

    def _create(self, cursor: Cursor, members: Sequence[Member]) -> dict[Member, bytes]:
        secrets = {member: os.urandom(KEY_BYTES) for member in members}
        rows = [self._row(member, secret) for member, secret in secrets.items()]
        cursor.execute(_SQL["create"], _ROW.arrays(rows), binary=True)
        return {(no, member_id): secrets[no, member_id] for no, member_id in cursor.fetchall()}

    def seal(self, merchant_no: int, member_id: str, field: str, text: str) -> bytes:
        """A text as only this member's key opens it; NUL is left out. Raises NoMemberKey."""
        plain = text.replace("\0", "").encode(errors="replace")
        nonce = os.urandom(NONCE_BYTES)
        return (
            _LAYOUT
            + nonce
            + self._cipher((merchant_no, member_id)).encrypt(
                nonce,
                plain + b"\0" * (-len(plain) % PADDED),
                _context(merchant_no, member_id, field),
            )
        )

    def open(
        self, merchant_no: int, member_id: str, field: str, sealed: bytes | None
    ) -> str | None:
        """The text; None where there is none, or where its key is gone."""
        if sealed is None or (merchant_no, member_id) not in self._members:
            return None
        nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        context = _context(merchant_no, member_id, field)
        try:
            plain = self._cipher((merchant_no, member_id)).decrypt(nonce, rest, context)
        except InvalidTag:
            # Sealed under a key that was destroyed since, and the member came again.
            return None
        return plain.rstrip(b"\0").decode()

    def hmac(self, merchant_no: int, member_id: str, text: str) -> bytes:
        """What tells whether an address is the same, and nothing else. Raises NoMemberKey."""
        key = hmac.digest(self._member_key((merchant_no, member_id)), _ADDRESSES, "sha256")
        return hmac.digest(key, text.encode(errors="replace"), "sha256")

    def has_key(self, merchant_no: int, member_id: str) -> bool:
        """Whether the member has a key here: without one nothing is sealed or opened."""
        return (merchant_no, member_id) in self._members

    def rewrapped(self, member: Member, wrapped: bytes, key_id: str) -> bytes:
        """A member's key under the first key. Raises SealingKeyMissing."""
        return self._wrapped(member, self._unwrap(member, wrapped, key_id))

    @property
    def first(self) -> str:
        """The id of the key that wraps."""
        return self._first

    def _member_key(self, member: Member) -> bytes:
        key = self._members.get(member)
        if key is None:
            raise NoMemberKey("no key of this member was loaded")
        return key

    def _cipher(self, member: Member) -> AESGCM:
        cipher = self._ciphers.get(member)
        if cipher is None:
            cipher = self._ciphers[member] = AESGCM(self._member_key(member))
        return cipher

    def _row(self, member: Member, secret: bytes) -> tuple[int, bytes, bytes, bytes]:
        merchant_no, member_id = member
        wrapped = self._wrapped(member, secret)
        return merchant_no, member_id.encode(), wrapped, self._first.encode()

    def _wrapped(self, member: Member, secret: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self._first].encrypt(nonce, secret, _context(*member, self._first))
        return _LAYOUT + nonce + sealed

    def _unwrap(self, member: Member, wrapped: bytes, key_id: str) -> bytes:
        key = self._keys.get(key_id)
        if key is None:
            raise SealingKeyMissing(key_id)
        nonce, rest = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        try:
            return key.decrypt(nonce, rest, _context(*member, key_id))
        except InvalidTag:
            raise SealingKeyMissing(key_id) from None


def destroy(cursor: Cursor, members: Collection[Member]) -> int:
    """Deletes keys of members: what is sealed under them is noise from then on. How many."""
    if not members:
        return 0
    cursor.execute(_SQL["destroy"], arrays_of(members))
    return cursor.rowcount


def rewrap(
    cursor: Cursor, sealer: Sealer, limit: int, after: Member = START
) -> tuple[int, Member | None]:
    """Wraps keys anew that are not under the first key, of the next `limit` members.

    Answers how many, and behind whom to go on; None at the end. Values stay as they are.
    """
    rows = cursor.execute(_SQL["next_keys"], [*after, limit], binary=True).fetchall()
    if not rows:
        return 0, None
    old = [
        (merchant_no, member_id.encode(), sealer.rewrapped((merchant_no, member_id), wrapped, kid))
        for merchant_no, member_id, wrapped, kid in rows
        if kid != sealer.first
    ]
    if old:
        cursor.execute(_SQL["rewrap"], _ROW.arrays([(*row, sealer.first.encode()) for row in old]))
    merchant_no, member_id, _, _ = rows[-1]
    return len(old), (merchant_no, member_id)


def wrapped_under(cursor: Cursor) -> dict[str, int]:
    """How many members' keys each key-encryption key wraps: one with none may go."""
    return dict(cursor.execute(_SQL["wrapped_under"]).fetchall())


def _context(merchant_no: int, member_id: str, what: str) -> bytes:
    return f"{merchant_no}|{len(member_id)}|{member_id}|{what}".encode(errors="replace")
