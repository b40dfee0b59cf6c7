"""What customer events say of a member."""

from struct import Struct

from rules.order.membership import Buyer, MemberStatement
from rules.order.trail import Version
from store.orders.codec.parts import NONE
from store.orders.layouts import FIXED, UnknownLayout

_STATEMENT = Struct(">qQQqB")
_IS_MEMBER, _NO_MEMBER, _REMOVAL = 1, 2, 4


def buyer_bytes(buyer: Buyer) -> bytes:
    """What customer events say of a member."""
    return b"%c%b" % (
        FIXED,
        b"".join(
            [
                _STATEMENT.pack(
                    *version,
                    NONE if registered_at is None else registered_at,
                    (0 if is_member is None else _IS_MEMBER if is_member else _NO_MEMBER)
                    | (_REMOVAL if removal else 0),
                )
                for version, is_member, registered_at, removal in buyer.statements
            ]
        ),
    )


def buyer_of(packed: bytes) -> Buyer:
    """What `buyer_bytes` packed."""
    if packed[0] != FIXED:
        raise UnknownLayout("a customer", packed[0])
    return Buyer(
        tuple(
            [
                MemberStatement(
                    Version(at, ts, digest),
                    bool(said & _IS_MEMBER) if said & (_IS_MEMBER | _NO_MEMBER) else None,
                    None if registered_at == NONE else registered_at,
                    bool(said & _REMOVAL),
                )
                for at, ts, digest, registered_at, said in _STATEMENT.iter_unpack(packed[1:])
            ]
        )
    )
