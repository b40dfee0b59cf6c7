"""Signatures of requests to shops' own addresses, and where these may lead."""

import hashlib
import hmac

import pytest

from rules.notices.webhooks import is_public, key_of, signature


def test_a_shop_verifies_a_request_with_its_key_alone() -> None:
    key, body = key_of("s" * 32, "shop-a"), b'{"text": "hi"}'
    expected = hmac.new(key.encode(), b"1790000000." + body, hashlib.sha256).hexdigest()
    assert signature(key, "1790000000", body) == f"v1={expected}"
    assert signature(key, "1790000001", body) != signature(key, "1790000000", body)


def test_each_shop_has_a_key_of_its_own() -> None:
    keys = {key_of(secret, shop) for secret in ("s" * 32, "t" * 32) for shop in ("a", "b")}
    assert len(keys) == 4
    assert all(len(key) == 64 for key in keys)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8",
                                     "64:ff9b::808:808"])  # fmt: skip
def test_addresses_of_the_public_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.1"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *(
            "::1",
            "::",
            "fe80::1%eth0",
            "fec0::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
        ),
        *("::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001::1", "no address", ""),
        # Where clouds tell a machine its secrets, in addresses that look like everybody's.
        *("192.0.0.192", "168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::c000:c0"),
        *("192.88.99.1", "3fff::1"),
    ],
)
def test_addresses_that_are_somebodys_own_or_none(address: str) -> None:
    assert not is_public(address)
