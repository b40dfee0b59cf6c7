"""The page on providers has the tables of the code."""

import re

import pytest

from docs import generate
from processors.notices.providers import answers, mitake, smtp_connections, twilio
from processors.notices.providers.port import Outcome

PAGE = (generate.DOCS / "reference" / "providers.md").read_text("utf-8")


def section(title: str) -> dict[str, str]:
    """First column by the first word of the second, of the table under a heading."""
    text = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (\w+)", text, re.MULTILINE)
    return {outcome: said for said, outcome in rows}


@pytest.mark.parametrize("outcome", [Outcome.credentials, Outcome.later, Outcome.unknown])
def test_twilios_codes(outcome: Outcome) -> None:
    numbers = {int(number) for number in re.findall(r"\d+", section("Twilio")[outcome])}
    assert numbers == twilio._OUTCOMES[outcome]


@pytest.mark.parametrize("outcome", list(mitake._OUTCOMES))
def test_mitakes_letters(outcome: Outcome) -> None:
    letters = re.findall(r"`(.)`", section("Mitake")[outcome])
    assert sorted(letters) == sorted(mitake._OUTCOMES[outcome])


def test_statuses() -> None:
    known = {status for status, outcome in answers._BY_STATUS.items() if outcome == "credentials"}
    assert {int(n) for n in re.findall(r"\d{3}", section("Over HTTP")["credentials"])} == known


def test_replies_that_say_that_we_are_not_let_in() -> None:
    codes = {int(number) for number in re.findall(r"\d{3}", section("SMTP")["credentials"])}
    assert codes == smtp_connections._NO_LOGIN
    assert str(smtp_connections._OUT_OF_ORDER) in section("SMTP")["later"]
