"""The verifier finds what it is there to find, and shares nothing with what it judges."""

import ast
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import verifier
from tests.chaos.verifier import Evidence, verify

EVENTS = [("e1", "shop", "ann")]
SMS = {"notice_id": "n1", "event_id": "e1", "merchant_id": "shop", "member_id": "ann",
       "channel": "sms", "kind": "earned", "state": "sent", "reason": None, "provider": "mitake",
       "attempt": 1}  # fmt: skip
MAIL = SMS | {"notice_id": "n2", "channel": "email", "provider": "smtp"}
GOT_SMS = {"notice_id": "n1", "taken": True, "answered": True}
GOT_MAIL = {"notice_id": "n2", "taken": True, "answered": True}
TOLD = [{"notice_id": "n1", "state": "sent"}, {"notice_id": "n2", "state": "sent"}]


def evidence(**changed: Any) -> Evidence:
    right: dict[str, Any] = {
        "events": EVENTS, "notices": [SMS, MAIL], "requests": [GOT_SMS, GOT_MAIL],
        "published": TOLD, "kills": 0, "chunk": 8,
    }  # fmt: skip
    return Evidence(**(right | changed))


def test_what_is_right_is_found_to_be() -> None:
    assert verify(evidence()).wrong == []
    unanswered = [GOT_SMS, GOT_MAIL | {"answered": False}, GOT_MAIL]
    assert verify(evidence(requests=unanswered)).wrong == []
    assert verify(evidence(requests=[GOT_SMS, GOT_MAIL, GOT_MAIL], kills=1)).wrong == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"notices": [SMS]}, "no notice of ('e1', 'shop', 'ann', 'email')"),
        ({"events": []}, "which never happened"),
        ({"notices": [SMS, MAIL, MAIL | {"notice_id": "n3"}]}, "2 notices of"),
        ({"notices": [SMS | {"state": "sending"}, MAIL]}, "is sending still"),
        ({"requests": [GOT_SMS, GOT_SMS, GOT_MAIL]}, "was delivered 2 times"),
        ({"requests": [GOT_MAIL]}, "mitake never got it"),
        ({"notices": [SMS | {"state": "failed"}, MAIL]}, "mitake delivered it"),
        ({"requests": [GOT_SMS]}, "the server never got it"),
        ({"requests": [GOT_SMS, GOT_MAIL, GOT_MAIL]}, "1 mails were doubled by 0 kills"),
        ({"notices": [SMS, MAIL | {"state": "unknown"}]}, "mail n2 is unknown"),
        ({"notices": [SMS | {"state": "unknown"}, MAIL]}, "their provider has answered"),
        ({"published": TOLD[:1]}, "n2 is sent, and None was published"),
        ({"published": [*TOLD, TOLD[0] | {"state": "unknown"}]}, "and unknown was published"),
    ],
)
def test_each_kind_of_wrong_is_told(changed: dict[str, Any], told: str) -> None:
    assert any(told in sentence for sentence in verify(evidence(**changed)).wrong)


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(verifier.__file__).read_text(encoding="utf-8"))
    modules = {
        node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {module.partition(".")[0] for module in modules} <= {
        "collections", "dataclasses", "typing",
    }  # fmt: skip
