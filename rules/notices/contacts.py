"""How a member is reached, folded from what customers' records say (rules.md 7).

Each field by itself: the newest record that names it counts, whatever else it lacks and in whatever
order records come; an explicit null is a statement, and so is a removal, of all fields.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from rules.order.trail import ENDS, Version
from rules.order.versions import given_micros
from schemas.notices.customer import CustomerContact

EMAIL, PHONE, NAME, LANGUAGE = "email", "phone", "name", "language"
EMAIL_VERIFIED, PHONE_VERIFIED = "email_verified", "phone_verified"
TEXTS: Final = (EMAIL, PHONE, NAME, LANGUAGE)
"""What is sealed."""
FIELDS: Final = (*TEXTS, EMAIL_VERIFIED, PHONE_VERIFIED)
VERIFIED: Final = {EMAIL: EMAIL_VERIFIED, PHONE: PHONE_VERIFIED}
"""The flag that speaks of an address."""

LONGEST_ADDRESS: Final = 1000
"""Characters. What is longer is no address, and is kept as none."""
LONGEST_NAME: Final = 200
"""Characters of a name that are kept."""
LONGEST_LANGUAGE: Final = 35
"""Characters of a locale (RFC 5646, 4.4.1). What is longer is none, and is not taken apart."""
LONGEST_CALLING_CODE: Final = 5
REMOVALS: Final = frozenset({"remove", "delete", "destroy"})
"""What a topic ends with when the customer is gone; upstream's own is `remove`."""

Value: TypeAlias = str | bool | None
Versions: TypeAlias = dict[str, Version]
"""Of each field that was ever named, the version of the record that counts."""


class Said(NamedTuple):
    """What one record says of a contact: the values of the fields that it names."""

    version: Version
    values: Mapping[str, Value]


def said_by(topic: str, customer: CustomerContact, version: Version) -> Said:
    """What a customer's record says of the contact."""
    if topic.partition("/")[2] in REMOVALS:
        # What ends an entity counts over what does not, of two records of one version.
        gone = Version(version.at, version.ts, version.digest | ENDS)
        return Said(gone, dict.fromkeys(FIELDS))
    values: dict[str, Value] = {}
    if "email" in customer:
        values[EMAIL] = _short(customer["email"], LONGEST_ADDRESS)
    if "mobile_phone" in customer:
        values[PHONE] = _phone(customer)
    if "name" in customer:
        values[NAME] = (_text(customer["name"]) or "")[:LONGEST_NAME] or None
    if "locale_code" in customer:
        values[LANGUAGE] = _short(customer["locale_code"], LONGEST_LANGUAGE)
    if "email_verified" in customer:
        values[EMAIL_VERIFIED] = bool(customer["email_verified"])
    elif "confirmed_at" in customer:
        values[EMAIL_VERIFIED] = given_micros(customer["confirmed_at"]) is not None
    if "mobile_phone_verified" in customer:
        values[PHONE_VERIFIED] = bool(customer["mobile_phone_verified"])
    return Said(version, values)


def newer_fields(versions: Mapping[str, Version], said: Said) -> list[str]:
    """The fields of which a record has the newest word so far."""
    version = said.version
    return [field for field in said.values if field not in versions or version > versions[field]]


def _text(value: str | int | None) -> str | None:
    """Without blanks around it, and without NUL, which PostgreSQL's text cannot hold."""
    return None if value is None else str(value).replace("\0", "").strip() or None


def _short(value: str | int | None, longest: int) -> str | None:
    """The text; None when it is longer than that."""
    text = _text(value)
    return text if text is not None and len(text) <= longest else None


def _phone(customer: CustomerContact) -> str | None:
    """The number as it is written, behind its country's calling code where one is told."""
    phone = _short(customer.get("mobile_phone"), LONGEST_ADDRESS)
    code = (_text(customer.get("mobile_phone_country_calling_code")) or "").lstrip("+")
    if phone is None or not (code.isdecimal() and len(code) <= LONGEST_CALLING_CODE):
        return phone
    return phone if phone.startswith(("+", "\N{FULLWIDTH PLUS SIGN}")) else f"+{code} {phone}"
