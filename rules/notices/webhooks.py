"""How a request to a shop's own address is signed, and which addresses it may go to.

docs/notices.md, "A shop's own gateway".
"""

import hashlib
import hmac
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

SIGNATURE: Final = "Points-Signature"
TIMESTAMP: Final = "Points-Timestamp"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
SHORTEST_SECRET: Final = 32
"""Characters of the secret that shops' keys are made from."""

_VERSION: Final = "v1"
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NOBODYS: Final = tuple(
    map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20"))
)
"""Of no server of a shop, whatever this version of Python knows of them: set apart for protocols,
relays and examples; and one of all addresses by which a cloud talks to its own machines.
"""
_IPV4_BITS: Final = 0xFFFF_FFFF


def key_of(secret: str, merchant_id: str) -> str:
    """The key of a shop, 64 hexadecimal digits: nobody can tell another shop's from it."""
    return hmac.new(secret.encode(), b"webhook|" + merchant_id.encode(), hashlib.sha256).hexdigest()


def signature(key: str, timestamp: str, body: bytes) -> str:
    """What `Points-Signature` says of a body at a time (seconds since 1970, in digits)."""
    signed = timestamp.encode() + b"." + body
    return f"{_VERSION}={hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()}"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it wraps another one."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found.teredo is not None:
            return False
        if found in _NAT64:
            inner = IPv4Address(int(found) & _IPV4_BITS)
        if found.is_site_local:
            return False
        if inner is not None:
            found = inner
    if any(found in network for network in _NOBODYS):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved
