"""Which texts are addresses of e-mail, and which names may stand before them."""

import pytest

from schemas.notices.addresses import named_address, usable_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@tea.example", "ann@tea.example"),
        ("  ann+points@mail.tea.example ", "ann+points@mail.tea.example"),
        ("ann@茶.example", "ann@xn--cl1a.example"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("a" * 64 + "@tea.example", "a" * 64 + "@tea.example"),
        ("", None),
        ("a@", None),
        ("@tea.example", None),
        ("ann", None),
        ("ann@tea", None),
        ("ann@tea..example", None),
        ("ann@-tea.example", None),
        (".ann@tea.example", None),
        ("ann@192.0.2.1", None),
        ("ann@tea.example, ben@tea.example", None),
        ("ann@tea.example;ben@tea.example", None),
        ("ann@tea.example ben@tea.example", None),
        ("Ann <ann@tea.example>", None),
        ('"ann ben"@tea.example', None),
        ("安@tea.example", None),
        ("ann@tea.example\r\nBcc: ben@tea.example", None),
        ("ann\n@tea.example", None),
        ("ann@straße.example", None),  # to some it is strasse.example, which is a stranger's
        ("ann@te\u200da.example", None),
        ("ann@λόγος.example", None),
        ("a" * 65 + "@tea.example", None),
        ("ann@" + "b." * 150 + "example", None),
        ("a@" + "b" * 320, None),
        ("ann@" + "茶" * 70 + ".example", None),
    ],
)
def test_address_is_one_that_a_mail_can_go_to(text: str, address: str | None) -> None:
    assert usable_address(text) == address


def test_sender_is_a_name_and_an_address() -> None:
    assert named_address("燈籠茶 <points@lantern.example>") == ("燈籠茶", "points@lantern.example")
    assert named_address("Tea, Ltd. <a@tea.example>") == ("Tea, Ltd.", "a@tea.example")


@pytest.mark.parametrize(
    "text",
    [
        "points@lantern.example",
        "<points@lantern.example>",
        " <points@lantern.example>",
        '"Tea" <points@lantern.example>',
        r"Te\a <points@lantern.example>",
        "x" * 61 + " <points@lantern.example>",
        "Tea <points@lantern.example> <b@c.example>",
        "Tea <a@>",
        "Te\ud800a <points@lantern.example>",
    ],
)
def test_sender_that_could_be_read_otherwise_is_refused(text: str) -> None:
    assert named_address(text) is None
