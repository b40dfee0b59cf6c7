"""What surrounds a record's value is read in one place, and stops nothing."""

from typing import Any

import pytest
from confluent_kafka import Message

from processors.runtime.kafka.records import (
    headers_of,
    key_of,
    received_at,
    received_ms,
    traceparent_of,
)
from tests.support.bad_input.raw_records import RawMessage

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Broken(RawMessage):
    """A record with a header name that is not UTF-8, as the client answers."""

    def headers(self) -> Any:
        """Fails the first time; then answers with holes, which must not be asked for."""
        if self.forgotten is not None:
            return self.forgotten
        assert not self.asked, "the second answer ends the process"
        self.asked = True
        raise SystemError("returned a result with an exception set")

    def set_headers(self, headers: Any) -> None:
        """As the client's."""
        self.forgotten = headers

    asked = False
    forgotten: Any = None


def test_headers_that_the_client_cannot_read_are_none_however_often_they_are_asked_for() -> None:
    message = Broken()
    assert headers_of(message) == []
    assert headers_of(message) == []
    assert traceparent_of(message) is None


def test_headers_keep_their_order_their_repeats_and_their_absent_values() -> None:
    headers = [("a", None), ("a", b"\xff"), ("", b"")]
    assert headers_of(RawMessage(headers=headers)) == headers
    assert headers_of(RawMessage(headers=None)) == []


@pytest.mark.parametrize("value", [TRACE, TRACE[:-2] + b"00"])
def test_a_trace_in_the_form_of_w3c_goes_on(value: bytes) -> None:
    assert traceparent_of(RawMessage(headers=[("x", b"1"), ("traceparent", value)])) == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        TRACE.upper(),
        TRACE + b"\n",
        TRACE + b"-more",
        b"01" + TRACE[2:],
        b"ff" + TRACE[2:],
        b"00-" + b"0" * 32 + TRACE[35:],
        TRACE[:36] + b"0" * 16 + TRACE[52:],
        TRACE.replace(b"a", b"g"),
        TRACE[1:],
        b"x" * 100_000,
        "00-é".encode(),
    ],
)
def test_a_trace_in_any_other_form_does_not(value: bytes | None) -> None:
    assert traceparent_of(RawMessage(headers=[("traceparent", value)])) is None


def test_the_first_valid_trace_of_several_goes_on() -> None:
    headers = [("traceparent", b"junk"), ("Traceparent", TRACE), ("traceparent", TRACE)]
    assert traceparent_of(RawMessage(headers=headers)) == TRACE


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (-1, 0),
        (-(2**63), 0),
        (1_700_000_000_000, 1_700_000_000_000),
        (2**63 - 1, 253_402_300_799_999),
    ],
)
def test_any_time_of_a_record_fits_what_we_keep(given: int, taken: int) -> None:
    message = RawMessage(timestamp=given)
    assert (received_ms(message), received_at(message)) == (taken, taken * 1000)


def test_a_key_is_bytes() -> None:
    assert [key_of(RawMessage(key=key)) for key in (None, b"\xff", "é")] == [
        None,
        b"\xff",
        "é".encode(),
    ]


def test_the_client_lets_headers_be_forgotten() -> None:
    """The guard needs it; a client without it would end the process."""
    assert callable(Message.set_headers)
