"""Mails go encrypted and to a server that proves its name, or not at all."""

import ssl
from collections.abc import Mapping

import pytest

from deploy.local.sinks.sinks import Sinks
from processors.notices.providers.port import Answer, Outcome
from tests.support.notices.providers import PATIENCE, mail, smtp, with_sinks
from tests.support.secured.certificates import Pair, authority, signed

LOGIN = {"username": "points", "password": "a password"}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Pair]:
    """An authority that the lane trusts, and certificates of servers by it and by another."""
    folder = tmp_path_factory.mktemp("certificates")
    ours, theirs = authority(folder), authority(folder, "another")
    here = "DNS:localhost,IP:127.0.0.1"
    return {
        "authority": ours,
        "right": signed(ours, "right", hosts=here),
        "elsewhere": signed(ours, "elsewhere", hosts="DNS:mail.example"),
        "untrusted": signed(theirs, "untrusted", hosts=here),
    }


def of(pair: Pair) -> ssl.SSLContext:
    """A server's context."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


def told(
    trusted: Pair, *, sink: Mapping[str, object], mood: str = "normal", **server: object
) -> tuple[Answer, int]:
    """The answer to one mail, and how many mails the sink took."""

    async def test(sinks: Sinks) -> tuple[Answer, int]:
        sinks.become("smtp", mood=mood)
        given = {"ca_location": str(trusted.certificate), **server}
        mails = smtp(sinks.smtp_port, seconds=PATIENCE, within=PATIENCE, **given)
        try:
            return (await mails.send([mail()]))[0], len(sinks.taken("smtp"))
        finally:
            await mails.close()

    return with_sinks(test, **sink)


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_a_mail_goes_encrypted_and_logged_in(pairs: Mapping[str, Pair], encryption: str) -> None:
    sink = {"tls": of(pairs["right"]), "smtps": encryption == "tls", "login": True}
    answer, taken = told(pairs["authority"], sink=sink, encryption=encryption, **LOGIN)
    assert (answer.outcome, taken) == (Outcome.taken, 1)


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
@pytest.mark.parametrize("server", ["elsewhere", "untrusted"])
def test_no_mail_goes_to_a_server_that_does_not_prove_its_name(
    pairs: Mapping[str, Pair], encryption: str, server: str
) -> None:
    sink = {"tls": of(pairs[server]), "smtps": encryption == "tls"}
    answer, taken = told(pairs["authority"], sink=sink, encryption=encryption)
    assert (answer.outcome, answer.code, taken) == (Outcome.later, "tls", 0)


def test_no_mail_goes_where_starttls_is_not_offered(pairs: Mapping[str, Pair]) -> None:
    answer, taken = told(pairs["authority"], sink={}, encryption="starttls")
    assert (answer.outcome, answer.code, taken) == (Outcome.credentials, "no-tls-or-login", 0)


def test_a_wrong_login_is_one_of_credentials(pairs: Mapping[str, Pair]) -> None:
    sink = {"tls": of(pairs["right"]), "login": True}
    answer, taken = told(
        pairs["authority"], sink=sink, mood="credentials", encryption="starttls", **LOGIN
    )
    assert (answer.outcome, taken) == (Outcome.credentials, 0)
    assert answer.code is not None
    assert answer.code.startswith("535")


def test_a_server_that_wants_a_login_and_gets_none_is_one_of_credentials(
    pairs: Mapping[str, Pair],
) -> None:
    sink = {"tls": of(pairs["right"]), "login": True}
    answer, taken = told(pairs["authority"], sink=sink, encryption="starttls")
    assert (answer.outcome, taken) == (Outcome.credentials, 0)
