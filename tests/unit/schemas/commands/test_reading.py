"""Reading a command: poison or answer, its shape, its codes in their order, its fingerprint."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.commands.bodies import Assign, BulkAssign, HoldForCash, HoldForGift
from schemas.commands.codes import SENTENCES, Code
from schemas.commands.nesting import shallow
from schemas.commands.reading import Command, FirstLot, read
from schemas.events import PerformerKind
from schemas.ids import NEVER, SECOND
from schemas.upstream.envelope import Unreadable

ASSIGN: dict[str, Any] = {
    "command_id": "c",
    "type": "assign",
    "merchant_id": "m",
    "member_id": "a",
    "performer": {"kind": "staff", "id": "s"},
    "issued_at": "2026-01-31T08:00:00+08:00",
    "points": 5,
    "reason": "thanks",
}
HOLD = {
    **{name: ASSIGN[name] for name in ("command_id", "merchant_id", "member_id", "performer")},
    "issued_at": ASSIGN["issued_at"],
    "type": "hold",
    "hold_id": "h",
    "points": 5,
    "purpose": "cash",
}
GIFT = HOLD | {"purpose": "gift", "campaign_id": "c", "gifts": [{"gift_id": "mug"}]}
BULK = {name: value for name, value in ASSIGN.items() if name != "member_id"} | {
    "type": "bulk_assign",
    "job_id": "j",
    "members": ["a", "b"],
}
LEFT_OUT: Any = object()


def of(base: dict[str, Any], **fields: Any) -> Command:
    content = {**base, **fields}
    return read(orjson.dumps({n: v for n, v in content.items() if v is not LEFT_OUT}))


def code(base: dict[str, Any], **fields: Any) -> str:
    problem = of(base, **fields).problem
    return "ok" if problem is None else str(problem.code)


# Poison is only what nobody could be answered for.


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b'"text"', b"7", b"null", b"\xff\xfe", b'{"command_id": "\\ud800"}', b"NaN"],
)
def test_what_is_no_object_is_poison(value: bytes) -> None:
    with pytest.raises(Unreadable):
        read(value)


@pytest.mark.parametrize("name", ["command_id", "merchant_id", "member_id"])
@pytest.mark.parametrize(
    "value", [LEFT_OUT, None, "", " a", "a\u3000", "a\nb", "a\x85b", "x" * 101, 7, ["a"], True]
)
def test_without_a_name_to_answer_it_is_poison(name: str, value: object) -> None:
    with pytest.raises(Unreadable) as refused:
        of(ASSIGN, **{name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert refused.value.merchant_id == (None if name == "merchant_id" else "m")


def test_names_are_compared_byte_for_byte_and_may_be_any_text() -> None:
    for name in ("x" * 100, "a:b", "e\u0301", "a b", "%", "\U0001f381"):
        assert of(ASSIGN, member_id=name).member_id == name


@pytest.mark.parametrize("type_", [LEFT_OUT, None, "", 7, "Assign", "earn"])
def test_an_unknown_type_is_answered(type_: object) -> None:
    command = of(ASSIGN, type=type_, points="x")
    assert command.problem is not None
    assert command.problem.code is Code.unknown_type
    assert command.type == (type_ if isinstance(type_, str) else None)


def test_a_bulk_command_has_no_member() -> None:
    assert isinstance(of(BULK).body, BulkAssign)
    assert of(BULK).member_id is None
    assert code(BULK, member_id="a") == "invalid_command"


# Shape.


def test_points_and_a_reason_are_unknown_fields_of_a_command_that_has_none() -> None:
    release = {name: value for name, value in HOLD.items() if name not in ("points", "purpose")}
    release["type"] = "release"
    assert code(release) == "ok"
    for points in (5, 0, "x"):
        assert code(release, points=points) == "invalid_command"
    assert code(HOLD, reason="thanks") == "invalid_command"


@pytest.mark.parametrize(
    "wrong",
    [
        {"pionts": 5},
        {"point": 5, "points": LEFT_OUT},
        {"performer": LEFT_OUT},
        {"performer": "sue"},
        {"performer": {"kind": "boss", "id": "s"}},
        {"performer": {"kind": "staff", "id": ""}},
        {"performer": {"kind": "staff", "id": "s", "name": "Sue"}},
        {"performer": {"kind": 1, "id": "s"}},
        {"issued_at": LEFT_OUT},
        {"issued_at": "2026-01-31T08:00:00"},
        {"issued_at": "2026-01-31"},
        {"issued_at": "2026-13-31T08:00:00Z"},
        {"issued_at": 1_780_000_000},
        {"notify": True},
        {"notify": {"email": 1}},
        {"notify": {"push": True}},
        {"hold_id": "h"},
    ],
)
def test_any_other_field_that_is_wrong_is_an_invalid_command(wrong: dict[str, Any]) -> None:
    assert code(ASSIGN, **wrong) == "invalid_command"
    assert code(ASSIGN, **({"points": 0, "reason": ""} | wrong)) == "invalid_command"


@pytest.mark.parametrize(
    "written",
    [
        "0",
        "-0",
        "10.5",
        "10.0",
        '"10"',
        "1e3",
        "1E3",
        "true",
        "[]",
        "null",
        "12345678901234567890.0",
    ],
)
def test_points_are_whole_numbers_written_as_such(written: str) -> None:
    value = orjson.dumps(ASSIGN).replace(b'"points":5', f'"points":{written}'.encode())
    problem = read(value).problem
    assert problem is not None
    assert problem.code is Code.invalid_points
    assert problem.message is not None
    assert problem.message.startswith("points: ")


@pytest.mark.parametrize(
    ("base", "points", "expected"),
    [
        (ASSIGN, 999_999, "ok"),
        (ASSIGN, -999_999, "ok"),
        (ASSIGN, 1_000_000, "over_limit"),
        (ASSIGN, -1_000_000, "over_limit"),
        (ASSIGN, 10**19, "over_limit"),
        (BULK, 999_999, "ok"),
        (BULK, 1_000_000, "over_limit"),
        (BULK, -1, "invalid_points"),
        (HOLD, 1_000_000_000, "ok"),
        (HOLD, 1_000_000_001, "over_limit"),
        (HOLD, -1, "invalid_points"),
        (HOLD, LEFT_OUT, "invalid_points"),
        (GIFT, 0, "invalid_points"),
    ],
)
def test_points_have_limits(base: dict[str, Any], points: Any, expected: str) -> None:
    assert code(base, points=points) == expected


def test_a_number_of_a_thousand_digits_is_over_the_limit() -> None:
    value = json.dumps(ASSIGN).replace('"points": 5', '"points": ' + "9" * 5000).encode()
    problem = read(value).problem
    assert problem is not None
    assert problem.code is Code.over_limit


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("x" * 50, "ok"),
        ("  " + "謝" * 50 + "\n", "ok"),
        ("x", "ok"),
        ("x" * 51, "invalid_reason"),
        ("a\tb", "invalid_reason"),
        ("a\x7fb", "invalid_reason"),
        (" ", "invalid_reason"),
        ("", "invalid_reason"),
        (None, "invalid_reason"),
        (5, "invalid_reason"),
    ],
)
def test_a_reason_is_1_to_50_characters(reason: object, expected: str) -> None:
    assert code(ASSIGN, reason=reason) == expected


def test_a_reason_is_kept_trimmed() -> None:
    body = of(ASSIGN, reason="  thanks ").body
    assert isinstance(body, Assign)
    assert body.reason == "thanks"


@pytest.mark.parametrize(
    ("base", "fields"),
    [
        (HOLD, {"purpose": LEFT_OUT}),
        (HOLD, {"purpose": "both"}),
        (HOLD, {"campaign_id": "c"}),
        (HOLD, {"gifts": []}),
        (HOLD, {"channel": "web"}),
        (HOLD, {"ttl_seconds": 0}),
        (HOLD, {"ttl_seconds": 86_401}),
        (HOLD, {"ttl_seconds": 60.0}),
        (HOLD, {"quote": ""}),
        (HOLD, {"hold_id": "h "}),
        (GIFT, {"quote": "t"}),
        (GIFT, {"campaign_id": LEFT_OUT}),
        (GIFT, {"gifts": []}),
        (GIFT, {"gifts": [{"gift_id": "mug"}] * 51}),
        (GIFT, {"gifts": [{"gift_id": "mug", "quantity": 0}]}),
        (GIFT, {"gifts": [{"gift_id": "mug", "quantity": 100}]}),
        (GIFT, {"gifts": [{"gift_id": "mug", "colour": "red"}]}),
        (BULK, {"members": []}),
        (BULK, {"members": LEFT_OUT}),
        (BULK, {"members": ["a", " b"]}),
        (BULK, {"members": ["x" * 101] * 1001}),
    ],
)
def test_the_fields_of_a_type_have_their_shapes(
    base: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert code(base, points=0, **fields) == "invalid_command"


def test_more_than_a_thousand_members_are_over_the_limit() -> None:
    members = [str(number) for number in range(1001)]
    assert code(BULK, members=members[:-1]) == "ok"
    assert code(BULK, members=members) == "over_limit"
    assert code(BULK, members=members, reason="") == "over_limit"
    assert code(BULK, members=members, points=0) == "invalid_points"


def test_of_members_only_the_first_that_is_none_is_told() -> None:
    """What is wrong with each of half a million takes half a gigabyte to say."""
    with pytest.raises(ValidationError) as refused:
        BulkAssign.model_validate({"members": [1] * 1_000})
    told = [one["loc"] for one in refused.value.errors() if one["loc"][0] == "members"]
    assert told == [("members", 0)]


def test_what_is_left_out_has_its_default() -> None:
    cash, gift, give = of(HOLD).body, of(GIFT).body, of(ASSIGN, notify={"sms": True}).body
    assert isinstance(cash, HoldForCash)
    assert (cash.ttl_seconds, cash.channel, cash.quote) == (1800, "ec", None)
    assert isinstance(gift, HoldForGift)
    assert gift.gifts[0].quantity == 1
    assert isinstance(give, Assign)
    assert (give.notify.email, give.notify.sms) == (False, True)


def test_a_message_names_the_path_and_no_value() -> None:
    for fields in (
        {"member_name": "Ann Secret"},
        {"issued_at": "Ann Secret"},
        {"reason": "\x00Ann"},
    ):
        problem = of(ASSIGN, **fields).problem
        assert problem is not None
        assert problem.message is not None
        assert problem.message.startswith(f"{next(iter(fields))}: ")
        assert "Ann" not in problem.message


@pytest.mark.parametrize(
    ("base", "fields", "message"),
    [
        (HOLD, {"quote": ""}, "quote: must not be empty"),
        (GIFT, {"gifts": []}, "gifts: must not be empty"),
        (GIFT, {"gifts": [{"gift_id": "mug"}] * 51}, "gifts: at most 50"),
        (BULK, {"members": []}, "members: must not be empty"),
    ],
)
def test_what_is_too_short_or_too_long_is_told_in_our_words(
    base: dict[str, Any], fields: dict[str, Any], message: str
) -> None:
    problem = of(base, **fields).problem
    assert problem is not None
    assert problem.message == message


def test_every_code_has_a_sentence_or_makes_its_own() -> None:
    assert SENTENCES.keys() == set(Code)


# The fingerprint: what decides, however it is written.


def test_what_decides_nothing_is_no_part_of_the_fingerprint() -> None:
    same = of(
        ASSIGN, command_id="other", issued_at="2020-01-01T00:00:00Z", x_trace={"a": 1}, quote=None
    )
    assert same.fingerprint == of(ASSIGN).fingerprint


@pytest.mark.parametrize(
    ("base", "spelt_out"),
    [
        (ASSIGN, {"notify": {"email": False, "sms": False}}),
        (ASSIGN, {"notify": {"email": False}}),
        (ASSIGN, {"notify": None}),
        (ASSIGN, {"notify": {"sms": None}}),
        (HOLD, {"ttl_seconds": 1800, "channel": "ec", "quote": None}),
        (GIFT, {"gifts": [{"gift_id": "mug", "quantity": 1}]}),
        (BULK, {"notify": {"sms": False, "email": False}}),
    ],
)
def test_a_default_spelt_out_is_the_same(base: dict[str, Any], spelt_out: dict[str, Any]) -> None:
    assert of(base, **spelt_out).fingerprint == of(base).fingerprint


@pytest.mark.parametrize(
    ("base", "other"),
    [
        (ASSIGN, {"points": 6}),
        (ASSIGN, {"reason": " thanks"}),
        (ASSIGN, {"performer": {"kind": "staff", "id": "t"}}),
        (ASSIGN, {"pionts": 5}),
        (ASSIGN, {"points": 5.0}),
        (HOLD, {"ttl_seconds": 60}),
        (GIFT, {"gifts": [{"gift_id": "cup"}]}),
        (BULK, {"members": ["b", "a"]}),
    ],
)
def test_other_content_has_another_fingerprint(base: dict[str, Any], other: dict[str, Any]) -> None:
    assert of(base, **other).fingerprint != of(base).fingerprint


def test_a_field_of_any_depth_and_size_has_a_fingerprint() -> None:
    head = json.dumps(ASSIGN).encode()[:-1]
    for inside in (b"[" * 900 + b"]" * 900, b"9" * 400, b'{"a":' * 900 + b"1" + b"}" * 900):
        command = read(head + b',"deep":' + inside + b"}")
        assert command.problem is not None
        assert command.problem.code is Code.invalid_command


def test_two_numbers_beyond_all_that_is_read_are_other_content() -> None:
    value = json.dumps(ASSIGN | {"points": 0}).encode()
    numbers = [b"1" + b"0" * zeros for zeros in (19, 30, 31, 5000)]
    commands = [read(value.replace(b'"points": 0', b'"points": ' + each)) for each in numbers]
    assert len({command.fingerprint for command in commands}) == len(numbers)
    assert {command.problem and command.problem.code for command in commands} == {Code.over_limit}


@pytest.mark.parametrize(
    ("field", "numbers", "message"),
    [
        ("ttl_seconds", ["1" + "0" * zeros for zeros in (19, 20, 5000)], "at most 86,400"),
        (
            "gifts",
            [f'[{{"gift_id": "mug", "quantity": {2**64 + n}}}]' for n in (0, 1)],
            "at most 99",
        ),
        ("ttl_seconds", ["1e400", "2e400", "-1e400", "1.5"], "must be a whole number, without"),
        ("points", ["1e400", "2e400", "-1e400", "1.5"], "must be a whole number, without"),
    ],
)
def test_no_two_numbers_of_any_size_are_one_content_and_each_hears_what_is_wrong_with_it(
    field: str, numbers: list[str], message: str
) -> None:
    value = json.dumps(GIFT | {field: "?"})
    commands = [read(value.replace('"?"', each).encode()) for each in numbers]
    assert len({command.fingerprint for command in commands}) == len(numbers)
    for command in commands:
        assert command.problem is not None
        assert message in (command.problem.message or "")


def test_what_only_the_slow_reader_reads_is_read_by_it_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slowly: list[bytes] = []

    def counted(value: bytes) -> bytes:
        slowly.append(value)
        return shallow(value)

    monkeypatch.setattr("schemas.commands.reading.shallow", counted)
    value = json.dumps(ASSIGN | {"points": 1.5, "of_nobody": "?"})
    deep = value.replace('"?"', "[" * 5000 + "]" * 5000).encode()
    problem = read(deep).problem
    assert problem is not None
    assert problem.code == Code.invalid_command
    assert slowly == [deep]


@pytest.mark.parametrize("inside", ["[" * 5000 + "]" * 5000, '{"a": ' * 5000 + "1" + "}" * 5000])
def test_a_field_that_is_nested_too_deeply_to_be_read_is_answered(inside: str) -> None:
    head = json.dumps(ASSIGN)[:-1]
    command = read(f'{head}, "deep": {inside}}}'.encode())
    assert (command.command_id, command.member_id) == ("c", "a")
    assert command.problem is not None
    assert command.problem.code is Code.invalid_command
    other = read(f'{head}, "deep": {inside.replace("[]", "[1]").replace("1", "2")}}}'.encode())
    assert other.fingerprint != command.fingerprint
    assert read(f'{head}, "x_deep": {inside}}}'.encode()).fingerprint == of(ASSIGN).fingerprint


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('"reason": "\\ud800"', "invalid_reason"),
        ('"other": "\\uDFFF"', "invalid_command"),
        ('"other\\ud800": 1', "invalid_command"),
        ('"performer": {"kind": "staff", "id": "\\ud800"}', "invalid_command"),
        ('"type": "assign\\ud800"', "unknown_type"),
        ('"x_own": "\\ud800"', "ok"),
        ('"x_job": "\\ud800"', "ok"),
        ('"issued_at": "2026-02-31T00:00:00Z"', "invalid_command"),
        ('"issued_at": "2026-01-31T00:00:00+99:00"', "invalid_command"),
    ],
)
def test_half_of_a_pair_of_escapes_or_an_impossible_time_is_answered_in_our_words(
    field: str, expected: str
) -> None:
    command = read(f"{json.dumps(ASSIGN)[:-1]}, {field}}}".encode())
    problem = command.problem
    assert (problem.code if problem is not None else "ok") == expected
    said = [command.type, problem.message if problem is not None else None]
    assert orjson.dumps(said)
    assert "timedelta" not in str(said)


def test_half_of_a_pair_of_escapes_in_a_name_that_is_answered_is_poison() -> None:
    for name in ("command_id", "merchant_id", "member_id"):
        with pytest.raises(Unreadable):
            read(f'{json.dumps(ASSIGN)[:-1]}, "{name}": "\\ud800"}}'.encode())


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from([ASSIGN, HOLD, GIFT, BULK]), st.data())
def test_whatever_stands_in_a_field_it_is_a_command_or_poison(
    base: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(base)) | st.text(max_size=8))
    value = json.dumps({**base, name: data.draw(_json)}).encode()
    try:
        command = read(value)
    except Unreadable:
        return
    assert (command.body is None) != (command.problem is None)
    assert read(value).fingerprint == command.fingerprint


def test_a_row_of_a_job_names_it_and_may_have_a_longer_id() -> None:
    job, member = "j" * 100, "m" * 100
    row = {"command_id": f"job:{job}:{member}", "member_id": member}
    found = of(ASSIGN, **row, x_job=job)
    assert (found.job_id, found.problem) == (job, None)
    with pytest.raises(Unreadable):
        of(ASSIGN, **row, x_job="another")


def test_a_command_of_another_id_is_no_row_whatever_it_says() -> None:
    assert of(ASSIGN, x_job="june").job_id is None


@pytest.mark.parametrize("job", ["j" * 101, "", " j", "j\n", "j" * 5_000])
def test_the_id_of_a_job_that_is_none_makes_no_row(job: str) -> None:
    """A row's command_id is kept for ever, as any other: it is made of ids."""
    with pytest.raises(Unreadable) as refused:
        of(ASSIGN, command_id=f"job:{job}:{'m' * 100}", member_id="m" * 100, x_job=job)
    assert refused.value.reason == "wrong_type"


def test_a_row_of_an_undoing_may_have_the_longest_id() -> None:
    job = "j" * 100 + ":undo"
    assert of(ASSIGN, command_id=f"job:{job}:a", x_job=job).job_id == job


def test_an_instant_may_be_written_in_small_letters() -> None:
    """As RFC 3339 has it."""
    for between, end in ("TZ", "tz", " z"):
        issued = of(ASSIGN, issued_at=f"2026-01-31{between}00:00:00{end}").issued_at
        assert issued == of(ASSIGN).issued_at


def test_a_command_knows_who_performs_it_once_its_shape_is_right() -> None:
    shopper = of(ASSIGN, performer={"kind": "member", "id": "a"})
    assert shopper.performer_kind is PerformerKind.member
    assert of(ASSIGN).performer_kind is PerformerKind.staff
    assert of(ASSIGN, points=0).performer_kind is None


def test_a_quote_is_text_without_control_characters() -> None:
    assert code(HOLD, quote="a.b.c") == "ok"
    assert code(HOLD, quote="a.\x00.c") == "invalid_command"


def test_defaults_are_spelt_out_beside_a_number_beyond_64_bits_as_well() -> None:
    huge = ASSIGN | {"points": 10**20}
    spelt = huge | {"notify": {"email": False, "sms": False}}
    one, other = (read(json.dumps(each).encode()) for each in (huge, spelt))
    assert one.fingerprint == other.fingerprint
    assert one.problem == other.problem


@pytest.mark.parametrize(
    ("named", "lot"),
    [
        ({"lot_id": "job:june", "expires_at": None}, FirstLot("job:june", NEVER)),
        (
            {"lot_id": "job:june", "expires_at": "1970-01-01T00:00:05Z"},
            FirstLot("job:june", 5 * SECOND),
        ),
        ({"lot_id": "job:june", "expires_at": "soon"}, None),
        ({"lot_id": 7}, None),
        ("job:june", None),
    ],
)
def test_a_row_that_undoes_another_takes_first_of_the_lot_that_it_names(
    named: object, lot: FirstLot | None
) -> None:
    row = {"command_id": "job:june:undo:a", "x_job": "june:undo", "x_lot": named}
    assert of(ASSIGN, points=-5, **row).lot == lot
    assert of(ASSIGN, points=-5, **row | {"command_id": "mine"}).lot is None
