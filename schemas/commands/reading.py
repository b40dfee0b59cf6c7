"""From a record's bytes to a command, or to why it is none (account.md 3).

A record is poison only where nobody could be answered; all else is a command, if one with a
`problem`.
"""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple, NoReturn

import orjson
from pydantic import BaseModel, ValidationError

from schemas.bulk.states import UNDO
from schemas.commands.bodies import (
    MOST_MEMBERS,
    Assign,
    AssignOfJob,
    Body,
    BulkAssign,
    Capture,
    HoldForCash,
    HoldForGift,
    Release,
    ReturnRedeemed,
    instant_of,
    is_name,
)
from schemas.commands.codes import SENTENCES, Code
from schemas.commands.nesting import shallow
from schemas.events import PerformerKind
from schemas.ids import NEVER, Micros, escaped
from schemas.printable import printable
from schemas.upstream.envelope import Unreadable
from schemas.whole_numbers import read_fraction, read_whole

BULK: Final = "bulk_assign"
EXTENSION: Final = "x_"
"""Begins the names of fields that are the sender's own."""
JOB: Final = "x_job"
"""Names the job in the rows of jobs, as the command line publishes them."""
LOT: Final = "x_lot"
"""Names the lot from which a row that undoes another takes first."""
_MAY_NAME_OWN: Final = re.compile(rb'"x_|\\')
"""Without this no name begins so, nor is one spelt with escapes: then all fields are ours."""
LONGEST_PATH: Final = 100
"""Characters of a path that a message shows: a field's name may have any length."""
_NOT_COMPARED: Final = ("command_id", "issued_at")

_MODELS: Final[dict[str, type[BaseModel]]] = {
    "assign": Assign,
    "hold": HoldForCash,
    "capture": Capture,
    "release": Release,
    "return_redeemed": ReturnRedeemed,
    BULK: BulkAssign,
}
TYPES: Final = frozenset(_MODELS)
_DEFAULTS: Final = {name: model.defaults for name, model in _MODELS.items()}  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a command's shape: the code, and a sentence."""

    code: Code
    message: str | None


class FirstLot(NamedTuple):
    """The lot from which an undoing takes first: what the job gave that it undoes."""

    lot_id: str
    expires_at: Micros


@dataclass(frozen=True, slots=True)
class Command:
    """A command that can be answered.

    `type` and `member_id` are what the answer repeats: None where they are no text. `fingerprint`
    is what tells its content from another's. Exactly one of `body` and `problem` is there.
    `issued_at` is None where it cannot be read. `traceparent` goes on to its events. `job_id` is
    there for a row of a job: it is what the row's entry names as its cause. `lot` is there for a
    row that undoes another.
    """

    command_id: str
    merchant_id: str
    member_id: str | None
    type: str | None
    fingerprint: bytes
    issued_at: Micros | None
    body: Body | None
    problem: Problem | None = None
    traceparent: bytes | None = None
    job_id: str | None = None
    lot: FirstLot | None = None

    @property
    def performer_kind(self) -> PerformerKind | None:
        """Who performs it; None where the shape is wrong."""
        return self.body.performer.kind if self.body is not None else None


def read(value: bytes, traceparent: bytes | None = None) -> Command:
    """The command in a record's value. Raises Unreadable for poison."""
    content, exact = _content(value)
    fields, job, lot = _object(content, value)
    merchant_id = _text(fields.get("merchant_id"))
    type_ = _text(fields.get("type"))
    job_id = job if job is not None and _is_row(fields, job) else None
    for name in ("command_id", "merchant_id") + (() if type_ == BULK else ("member_id",)):
        if not _is_name(fields.get(name)) and not (job_id and name == "command_id"):
            raise Unreadable(
                "missing_field" if fields.get(name) is None else "wrong_type",
                f"{name}: must be 1 to 100 characters without control characters or white space "
                "at an end; without it nobody can be answered",
                merchant_id if _is_name(merchant_id) else None,
            )
    model = AssignOfJob if job_id is not None else None
    _spell_out(fields, _DEFAULTS.get(type_ or "", {}))
    body, problem = _body(fields, type_, model)
    if problem is not None and not exact and _has_fraction(fields):
        # The quick reader makes fractions of whole numbers beyond 64 bits: told apart, to say what
        # is wrong, and that one is not the other.
        fields = _object(_slowly(value), value)[0]
        _spell_out(fields, _DEFAULTS.get(type_ or "", {}))
        body, problem = _body(fields, type_, model)
    return Command(
        fields["command_id"],
        fields["merchant_id"],
        _text(fields.get("member_id")),
        type_,
        fingerprint(fields),
        body.issued_at if body is not None else _issued_at(fields),
        body,
        problem,
        traceparent,
        job_id,
        _first_lot(lot) if job_id is not None else None,
    )


def row_id(job_id: str, member_id: str) -> str:
    """The command_id of a job's row for a member; no two rows have one."""
    return f"job:{job_id}:{escaped(member_id)}"


def _is_row(fields: dict[str, Any], job_id: str) -> bool:
    """Whether an assignment is a row of a job: it says so, and has the id of that row."""
    member_id = fields.get("member_id")
    return (
        fields.get("type") == "assign"
        and _is_name(member_id)
        and _is_name(job_id.removesuffix(UNDO))
        and fields.get("command_id") == row_id(job_id, str(member_id))
    )


def _first_lot(value: object) -> FirstLot | None:
    """As the command line publishes it; nothing where it is something else."""
    if not isinstance(value, dict) or not isinstance(value.get("lot_id"), str):
        return None
    until = value.get("expires_at")
    try:
        return FirstLot(value["lot_id"], NEVER if until is None else instant_of(until))
    except ValueError:
        return None


def _is_name(value: object) -> bool:
    text = _text(value)
    return text is not None and is_name(text)


def _text(value: object) -> str | None:
    """A text that an answer can repeat: not one with half of a pair of escapes."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _content(value: bytes) -> tuple[Any, bool]:
    """What JSON says, and whether its numbers are told apart whatever their size."""
    try:
        return orjson.loads(value), False
    except orjson.JSONDecodeError:
        return _slowly(value), True


def _object(content: Any, value: bytes) -> tuple[dict[str, Any], str | None, Any]:
    """The JSON object, without nulls and fields that are the sender's own; job and lot of these.

    `content` is what a reader made of the bytes.
    """
    if not isinstance(content, dict):
        raise Unreadable("wrong_type", "The value is not a JSON object.")
    own: dict[str, Any] = content
    if _MAY_NAME_OWN.search(value):
        own = {name: field for name, field in content.items() if not name.startswith(EXTENSION)}
    kept = _without_nulls(own) if b"null" in value else own
    return kept, _text(content.get(JOB)), content.get(LOT)


def _slowly(value: bytes) -> Any:
    """As the quick reader, but whatever is JSON: what we do not take, we can answer.

    Numbers of any size, halves of pairs of escapes, any depth.
    """
    try:
        text = shallow(value).decode()
        return json.loads(
            text, parse_int=read_whole, parse_float=read_fraction, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise _not_json() from None


def _not_json() -> Unreadable:
    return Unreadable("not_json", "The value is not JSON: send a JSON object in UTF-8.")


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _has_fraction(value: Any, depth: int = 4) -> bool:
    """Whether a number in a field that we know was read as a fraction."""
    if not depth or not isinstance(value, (dict, list)):
        return isinstance(value, float)
    inside = value.values() if isinstance(value, dict) else value
    return any(_has_fraction(each, depth - 1) for each in inside)


def _without_nulls(value: Any, depth: int = 4) -> Any:
    """Members that are null are as if they were not there. No field that we know lies deeper."""
    if not depth:
        return value
    if isinstance(value, dict):
        return {k: _without_nulls(v, depth - 1) for k, v in value.items() if v is not None}
    return [_without_nulls(v, depth - 1) for v in value] if isinstance(value, list) else value


def _spell_out(fields: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Puts in what absent fields mean, so that it makes no difference whether they are there."""
    for name, default in defaults.items():
        given = fields.get(name)
        if given is None:
            fields[name] = default
        elif isinstance(default, dict) and isinstance(given, dict):
            fields[name] = default | given
    gifts = fields.get("gifts")
    if isinstance(gifts, list):
        fields["gifts"] = [{"quantity": 1} | g if isinstance(g, dict) else g for g in gifts]


def fingerprint(fields: dict[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON of what decides: sorted keys, no spaces, UTF-8."""
    content = {name: field for name, field in fields.items() if name not in _NOT_COMPARED}
    try:
        return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()
    except TypeError:  # half of a pair of escapes, or a number of more than 64 bits
        slowly = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(slowly.encode(errors="surrogatepass")).digest()


def _body(
    fields: dict[str, Any], type_: str | None, model: type[BaseModel] | None = None
) -> tuple[Body | None, Problem | None]:
    model = model or _MODELS.get(type_ or "")
    if model is None:
        return None, Problem(Code.unknown_type, SENTENCES[Code.unknown_type])
    if type_ == "hold" and fields.get("purpose") == "gift":
        model = HoldForGift
    try:
        body: Body = model.__pydantic_validator__.validate_python(fields)
    except ValidationError as error:
        return None, _first(_problems(error) | _too_many(fields))
    too_many = _too_many(fields) if type_ == BULK else {}
    return (None, _first(too_many)) if too_many else (body, None)


def _too_many(fields: dict[str, Any]) -> dict[Code, str]:
    """Beyond what one command may name: a limit, while each member by itself is of the shape."""
    members = fields.get("members")
    if isinstance(members, list) and len(members) > MOST_MEMBERS:
        return {Code.over_limit: f"members: at most {MOST_MEMBERS:,}"}
    return {}


_ORDER: Final = (Code.invalid_command, Code.invalid_points, Code.over_limit, Code.invalid_reason)


def _first(found: dict[Code, str]) -> Problem:
    code = next(code for code in _ORDER if code in found)
    return Problem(code, found[code])


def _problems(error: ValidationError) -> dict[Code, str]:
    """The first problem of each code, which names its path and never its value."""
    found: dict[Code, str] = {}
    for one in error.errors(include_url=False, include_input=False, include_context=True):
        # A field's name is the sender's: no terminal obeys it, and the database can hold it.
        path = printable(".".join(map(str, one["loc"]))[:LONGEST_PATH])
        found.setdefault(_code_of(one), f"{path or 'a name'}: {_sentence(one)}")
    return found


def _code_of(one: Any) -> Code:
    if one["type"] == "extra_forbidden":  # a release has no points that could be wrong
        return Code.invalid_command
    match one["loc"][:1]:  # nothing where a name is no text itself
        case ("points",):
            beyond = one["type"] in {"less_than_equal", "greater_than_equal"}
            return Code.over_limit if beyond else Code.invalid_points
        case ("reason",):
            return Code.invalid_reason
    return Code.invalid_command


_WORDS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this command; names of your own begin with x_",
    "string_pattern_mismatch": "must be 1 to 100 characters without control characters or white "
    "space at an end",
    "string_type": "must be text",
    "invalid_key": "must be text in UTF-8: half of a pair of escapes is no character",
    "string_unicode": "must be text in UTF-8: half of a pair of escapes is no character",
    "int_type": "must be a whole number, without fraction, exponent or quotes",
    "bool_type": "must be true or false",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def _sentence(one: Any) -> str:
    context = one.get("ctx", {})
    match one["type"]:
        case "value_error":
            return str(context["error"])
        case "less_than_equal":
            return f"at most {context['le']:,}"
        case "greater_than_equal":
            return f"at least {context['ge']:,}"
        case "greater_than":
            return f"must be above {context['gt']:,}"
        case "too_long":
            return f"at most {context['max_length']:,}"
        case "literal_error" if one["loc"] == ("purpose",):
            return "must be cash or gift"
        case "literal_error":
            return "must be " + str(context["expected"]).replace("'", "")
        case other:
            return _WORDS.get(other, str(one["msg"]))


def _issued_at(fields: dict[str, Any]) -> Micros | None:
    try:
        return instant_of(fields.get("issued_at"))
    except ValueError:
        return None
