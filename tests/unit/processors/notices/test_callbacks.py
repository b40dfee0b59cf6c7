"""What providers call back with: theirs or not, and what it says."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from processors.notices.providers.callbacks import (
    mitake_acknowledgement,
    mitake_callback_url,
    mitake_receipt,
    twilio_receipt,
    twilio_signature,
)

NOTICE, NOW, TOKEN = uuid4(), datetime(2026, 11, 27, tzinfo=UTC), "a token"
URL = f"https://points.example/callbacks/twilio/{NOTICE}"
FORM = {
    "MessageSid": "SM" + "0" * 32, "MessageStatus": "delivered", "To": "+886912345678",
    "ErrorCode": "", "NumSegments": "2",
}  # fmt: skip


def test_twilio_signs_as_its_documentation_shows() -> None:
    """The example of its page on security, with the token 12345."""
    form = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234",
        "From": "+14158675309", "To": "+18005551212",
    }  # fmt: skip
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio_signature(url, form, "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("status", "said"),
    [("delivered", "delivered"), ("undelivered", "failed"), ("failed", "failed")],
)
def test_a_callback_of_twilio_is_a_receipt(status: str, said: str) -> None:
    form = FORM | {"MessageStatus": status}
    signed = twilio_signature(URL, form, TOKEN)
    receipt = twilio_receipt(URL, form, signed, TOKEN, NOW)
    assert receipt is not None
    assert (receipt.notice_id, receipt.status, receipt.parts) == (NOTICE, said, 2)
    assert "912345678" not in receipt.model_dump_json()


@pytest.mark.parametrize(
    ("called", "signed"),
    [
        ("https://points.example:8443", "https://points.example"),
        ("https://points.example:8443", "https://points.example:8443"),
        ("https://points.example", "https://points.example:443"),
        ("http://points.example", "http://points.example:80"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
    ],
)
def test_twilio_may_sign_an_address_with_its_port_or_without(called: str, signed: str) -> None:
    signature = twilio_signature(f"{signed}/twilio/{NOTICE}", FORM, TOKEN)
    receipt = twilio_receipt(f"{called}/twilio/{NOTICE}", FORM, signature, TOKEN, NOW)
    assert receipt is not None
    assert receipt.notice_id == NOTICE


@pytest.mark.parametrize(
    "signed", ["https://points.example:9443", "https://other.example", "http://points.example"]
)
def test_an_address_that_differs_in_more_than_its_port_is_not_twilios(signed: str) -> None:
    signature = twilio_signature(f"{signed}/twilio/{NOTICE}", FORM, TOKEN)
    called = f"https://points.example:8443/twilio/{NOTICE}"
    assert twilio_receipt(called, FORM, signature, TOKEN, NOW) is None


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "accepted", "nonsense", ""])
def test_a_message_on_its_way_is_no_receipt(status: str) -> None:
    form = FORM | {"MessageStatus": status}
    assert twilio_receipt(URL, form, twilio_signature(URL, form, TOKEN), TOKEN, NOW) is None


@pytest.mark.parametrize("signature", ["", "wrong", "é", "A" * 10_000])
def test_what_twilio_has_not_signed_is_nothing(signature: str) -> None:
    assert twilio_receipt(URL, FORM, signature, TOKEN, NOW) is None
    signed = twilio_signature(URL, FORM, TOKEN)
    assert twilio_receipt(URL, FORM | {"MessageStatus": "failed"}, signed, TOKEN, NOW) is None
    assert twilio_receipt(f"{URL}0", FORM, signed, TOKEN, NOW) is None
    assert twilio_receipt(URL, FORM, signed, "another token", NOW) is None


def test_an_address_without_a_notice_is_nothing() -> None:
    url = "https://points.example/callbacks/twilio/not-a-notice"
    assert twilio_receipt(url, FORM, twilio_signature(url, FORM, TOKEN), TOKEN, NOW) is None


def called(notice: UUID, password: str = "secret") -> str:  # noqa: S107
    return mitake_callback_url("https://points.example/callbacks/mitake", notice, password)


@pytest.mark.parametrize(
    ("flag", "said"), [("4", "delivered"), ("5", "failed"), ("8", "failed"), ("9", "failed")]
)
def test_a_report_of_mitake_is_a_receipt(flag: str, said: str) -> None:
    query = {"msgid": "#0000000001", "StatusFlag": flag, "dstaddr": "0912345678"}
    receipt = mitake_receipt(called(NOTICE), query, "secret", NOW)
    assert receipt is not None
    assert (receipt.notice_id, receipt.status, receipt.provider_id) == (NOTICE, said, "0000000001")
    assert "912345678" not in receipt.model_dump_json()


@pytest.mark.parametrize("flag", ["0", "1", "2", "", "delivered"])
def test_a_message_that_mitake_has_on_its_way_is_no_receipt(flag: str) -> None:
    assert mitake_receipt(called(NOTICE), {"StatusFlag": flag}, "secret", NOW) is None


def test_an_address_that_we_did_not_make_is_nothing() -> None:
    query = {"msgid": "1", "StatusFlag": "4"}
    path = called(NOTICE)
    assert (
        mitake_receipt(path[:-1] + ("A" if path[-1] != "A" else "B"), query, "secret", NOW) is None
    )
    assert mitake_receipt(path, query, "another", NOW) is None
    other = path.replace(str(NOTICE), str(uuid4()))
    assert mitake_receipt(other, query, "secret", NOW) is None
    assert mitake_receipt("nothing", query, "secret", NOW) is None


def test_mitake_hears_what_it_wants_and_nothing_of_what_it_sent_besides() -> None:
    assert mitake_acknowledgement({"msgid": "#01"}) == b"magicid=sms_gateway_rpack\nmsgid=#01\n"
    assert mitake_acknowledgement({"msgid": "x\nmsgid=y"}).endswith(b"msgid=\n")
