"""Reads the tables of codes, one CSV a carrier, and the list of carriers.

Refuses a table that leaves a word open.

`tables/ecpay.csv` and its like have the columns service, code, text, word, effect, note. The
carrier is the file's name. Where a carrier speaks in texts, the text itself is the code.
`delivery_lines.csv` says of every delivery line which services' raw reports are understood.
rules.md 6 has the laws.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import StringIO
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from schemas.carriers.meaning import Meaning
from schemas.carriers.spelling import normal

Key: TypeAlias = tuple[str, str, str]  # carrier, service, code
Service: TypeAlias = tuple[str, str]  # carrier, service

CODE_COLUMNS: Final = ("service", "code", "text", "word", "effect", "note")
LINE_COLUMNS: Final = ("carrier", "line", "services", "note")
_TABLES: Final = "tables"
_LINES_FILE: Final = "delivery_lines.csv"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")

# What a row may say: its word, and for a reversal what else it says.
_MEANINGS: Final[Mapping[tuple[str, str], Meaning]] = {
    **{
        (meaning.word, ""): meaning
        for meaning in Meaning
        if Meaning.UNKNOWN < meaning <= Meaning.REVERSED
    },
    ("reversed", "returning"): Meaning.REVERSED_RETURNING,
    ("reversed", "return"): Meaning.RETURN_REVERSED,
}
WORDS: Final = tuple(dict.fromkeys(word for word, _ in _MEANINGS))


class CarrierCode(NamedTuple):
    """One row: what a code of a carrier's service means, its text, and a remark of ours.

    The text is the carrier's own.
    """

    carrier: str
    service: str
    code: str
    text: str
    meaning: Meaning
    note: str


class CarrierLine(NamedTuple):
    """One delivery line, as the table of delivery options names it, and its services.

    These are the services whose raw reports are understood. Without services only upstream's own
    delivery status is known. An empty line: a carrier without an option upstream.
    """

    carrier: str
    line: str
    services: tuple[Service, ...]
    note: str


class TableError(ValueError):
    """A table of codes that cannot be relied on.

    The message names the file, the line and what is wrong.
    """


@cache
def shipped_codes() -> Mapping[Key, CarrierCode]:
    """All rows of the shipped tables, by carrier, service and code. Raises TableError."""
    return MappingProxyType(_codes_in(files("schemas.carriers")))


@cache
def shipped_services() -> frozenset[Service]:
    """The services of which there is a table."""
    return frozenset((carrier, service) for carrier, service, _ in shipped_codes())


@cache
def carrier_lines() -> tuple[CarrierLine, ...]:
    """The list of carriers and delivery lines. Raises TableError."""
    return _lines_in(files("schemas.carriers"), shipped_services())


def is_known_service(carrier: str, service: str) -> bool:
    """Whether there is a shipped table for it."""
    return (carrier, service) in shipped_services()


def meaning_of(word: str, effect: str = "") -> Meaning | None:
    """The meaning of a table's word.

    `effect` is what else a reversal says: nothing, `returning` or `return`.
    """
    return _MEANINGS.get((word, effect))


def check_tables(folder: Traversable | None = None) -> None:
    """Read the tables of a folder (by default the shipped ones), without the cache.

    Raises TableError at the first fault.
    """
    folder = files("schemas.carriers") if folder is None else folder
    codes = _codes_in(folder)
    services = frozenset((carrier, service) for carrier, service, _ in codes)
    listed = {service for line in _lines_in(folder, services) for service in line.services}
    if missing := sorted("/".join(service) for service in services - listed):
        raise TableError(
            f"{_LINES_FILE}: {', '.join(missing)} has a table and no line; name it under services"
        )


def _codes_in(folder: Traversable) -> dict[Key, CarrierCode]:
    tables = folder.joinpath(_TABLES)
    names = sorted(file.name for file in tables.iterdir() if file.name.endswith(".csv"))
    if not names:
        raise TableError(
            "there is no table of codes at all; the data files (*.csv) were not installed"
        )
    codes: dict[Key, CarrierCode] = {}
    for name in names:
        codes.update(_codes_of_file(name, _text(tables, name)))
    return codes


def _codes_of_file(name: str, text: str) -> dict[Key, CarrierCode]:
    carrier = name.removesuffix(".csv")
    if not _NAME.fullmatch(carrier):
        raise TableError(
            f"{name}: the file's name is the carrier's; write it in small letters, digits and _"
        )
    codes: dict[Key, CarrierCode] = {}
    seen: dict[tuple[str, str], int] = {}
    for number, fields in _rows(name, text, CODE_COLUMNS):
        row = _code(f"{name}, line {number}", carrier, fields)
        earlier = seen.setdefault((row.service, normal(row.code)), number)
        if earlier != number:
            raise TableError(
                f"{name}, line {number}: {row.service} {row.code} has line {earlier} already; "
                "keep one"
            )
        codes[carrier, row.service, row.code] = row
    return codes


def _code(place: str, carrier: str, fields: list[str]) -> CarrierCode:
    service, code, text, word, effect, note = fields
    if not _NAME.fullmatch(service):
        raise TableError(
            f"{place}: service is {service!r}; write it in small letters, digits and _"
        )
    if not normal(code):
        raise TableError(
            f"{place}: has no code; write the carrier's code, or its text where it has none"
        )
    if not text:
        raise TableError(
            f"{place}: {service} {code} has no text; repeat the code where the text is the code"
        )
    if not word:
        raise TableError(f"{place}: {service} {code} has no word; write one of: {', '.join(WORDS)}")
    if word not in WORDS:
        raise TableError(
            f"{place}: {service} {code} has the unknown word {word!r}; "
            f"write one of: {', '.join(WORDS)}"
        )
    meaning = meaning_of(word, effect)
    if meaning is None:
        raise TableError(
            f"{place}: {service} {code} has the effect {effect!r}; "
            "only reversed has one: returning or return"
        )
    return CarrierCode(carrier, service, code, text, meaning, note)


def _lines_in(folder: Traversable, services: frozenset[Service]) -> tuple[CarrierLine, ...]:
    lines: dict[str, int] = {}
    found = []
    for number, fields in _rows(_LINES_FILE, _text(folder, _LINES_FILE), LINE_COLUMNS):
        row = _line(f"{_LINES_FILE}, line {number}", fields, services)
        if row.line and lines.setdefault(row.line, number) != number:
            raise TableError(
                f"{_LINES_FILE}, line {number}: {row.line} has line {lines[row.line]} already; "
                "keep one"
            )
        found.append(row)
    return tuple(found)


def _line(place: str, fields: list[str], services: frozenset[Service]) -> CarrierLine:
    carrier, line, named, note = fields
    if not carrier:
        raise TableError(f"{place}: has no carrier; write its name")
    if not line and not named:
        raise TableError(
            f"{place}: {carrier} has neither a delivery line nor a service; write one of them"
        )
    known = {"/".join(service): service for service in services}
    for name in named.split():
        if name not in known:
            raise TableError(
                f"{place}: there is no table for {name}; write carrier/service as in the tables"
            )
    return CarrierLine(carrier, line, tuple(known[name] for name in named.split()), note)


def _text(folder: Traversable, name: str) -> str:
    try:
        return folder.joinpath(name).read_text("utf-8")
    except FileNotFoundError:
        raise TableError(f"{name}: is missing; the data files (*.csv) were not installed") from None
    except UnicodeDecodeError as wrong:
        raise TableError(f"{name}: is not UTF-8 at byte {wrong.start}; save it as UTF-8") from None


def _rows(name: str, text: str, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """The rows after the heading with the number of their line.

    Every field trimmed already, or refused.
    """
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        if next(reader, None) != list(columns):
            raise TableError(f"{name}, line 1: the columns must be {','.join(columns)}")
        for fields in reader:
            place = f"{name}, line {reader.line_num}"
            if len(fields) != len(columns):
                raise TableError(
                    f"{place}: has {len(fields)} fields of {len(columns)}; "
                    "put a field with a comma in quotes"
                )
            for column, field in zip(columns, fields, strict=True):
                if field != field.strip() or "\n" in field or "\r" in field:
                    raise TableError(
                        f"{place}: {column} has a space or a line break at an end or within; "
                        "take it away"
                    )
            yield reader.line_num, fields
    except csv.Error as wrong:
        raise TableError(
            f"{name}, line {reader.line_num}: cannot be read ({wrong}); look at its quotes"
        ) from None
