"""Which text is an address of the web; every place that takes one reads it so."""

import pytest

from schemas.web_addresses import address_of

TAKEN = (
    "https://shop.example",
    "http://shop.example/",
    "https://shop.example:8443/a/b?c=d",
    "https://shop_1.example/path",
    "https://192.0.2.1/path",
    "https://[2001:db8::1]:8443/path",
    "HTTPS://SHOP.EXAMPLE/",
)
REFUSED = (
    "",
    "shop.example",
    "//shop.example/",
    "ftp://shop.example/",
    "https://",
    "https:///path",
    "https://:443/",
    "https://shop.example:0/",
    "https://shop.example:65536/",
    "https://shop.example:port/",
    "https://shop.example/#there",
    "https://shop.example/#",
    "https://me@shop.example/",
    "https://me:word@shop.example/",
    "https://@shop.example/",
    "https://shop.example/a b",
    " https://shop.example/",
    "https://shop.example/\n",
    "https://shop\t.example/",
    "https://shop.example/\r\nHost: other",
    "https://shop.example\\@other.example/",
    "https://shöp.example/",
    "https://shop$.example/",
    "https://[2001:db8::1/",
    "https://[2001:db8::xyz]/",
    "https://[v1.host]/",
    "https://2001:db8::1/",
    "https://[2001:db8::1].other.example/",
    "https://other[2001:db8::1]/",
    "https://[::1]x:443/",
    "https://[::1%a]b]/",
    "https://[fe80::1%eth0]/",
    "https://.../",
    "https://-/",
)


@pytest.mark.parametrize("text", TAKEN)
def test_an_address_has_a_scheme_a_host_and_parts_that_can_be_read(text: str) -> None:
    parts = address_of(text)
    assert parts is not None
    assert parts.scheme in {"http", "https"}
    assert parts.hostname
    assert parts.port is None or 1 <= parts.port <= 65535


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_asked_or_would_be_read_in_two_ways_is_none(text: str) -> None:
    assert address_of(text) is None
