"""A version of a shop's points settings as the notices lane reads it from points.settings.v1.

Only what notices need is looked at, so that settings of a later version of the engine can be read.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
)

from schemas.ids import Micros, micros
from schemas.settings.bound import PLANS_WITH_APP
from schemas.settings.document import CRM_CREDITS
from schemas.upstream.envelope import Unreadable
from schemas.whole_numbers import NoBoolean

_TYPE: Final = "settings_changed"
_OTHERS: Final = frozenset({"campaign_changed", "carrier_code_changed", "cursor_adopted"})
_FIRST: Final = datetime(1, 1, 2, tzinfo=UTC)
_MOST_SHOWN: Final = 5


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("is not a known time zone") from None
    return name


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


_Id = Annotated[str, Field(min_length=1), AfterValidator(_without_nul)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Entitlement(_Part):
    plan: str
    modules: Annotated[tuple[str, ...], Field(fail_fast=True)] = ()


class _Settings(_Part):
    timezone: Annotated[str, AfterValidator(_zone)]
    languages: Annotated[tuple[_Id, ...], Field(min_length=1, fail_fast=True)] = ("en",)
    enabled: bool
    entitlement: _Entitlement


class ShopVersion(_Part):
    """One version of a shop's points settings."""

    merchant_id: _Id
    version: Annotated[int, Field(ge=1, le=2**31 - 1), NoBoolean()]
    effective_at: AwareDatetime
    settings: _Settings

    @property
    def effective_us(self) -> Micros:
        """Since when it is in force."""
        return micros(max(self.effective_at, _FIRST))

    @property
    def entitled(self) -> bool:
        """Whether plan or module carry the feature (rules.md 1.8), the app apart."""
        entitlement = self.settings.entitlement
        return entitlement.plan in PLANS_WITH_APP or CRM_CREDITS in entitlement.modules


def read_shop_version(value: bytes) -> ShopVersion | str:
    """The version that a record says, or of what type it is instead. Raises Unreadable.

    Types that no version of today has are told as `unknown_type`.
    """
    try:
        content = orjson.loads(value)
    except orjson.JSONDecodeError:
        wrong = "The value is not JSON: send a JSON object in UTF-8."
        raise Unreadable("not_json", wrong) from None
    if not isinstance(content, dict):
        raise Unreadable("wrong_type", "value: must be a JSON object")
    type_ = content.get("type")
    if type_ != _TYPE:
        return _type_of(type_)
    try:
        return ShopVersion.model_validate(content)
    except ValidationError as error:
        raise _unreadable(error, content.get("merchant_id")) from None


def _type_of(type_: Any) -> str:
    if not isinstance(type_, str):
        raise Unreadable("missing_field", "type: must be a text")
    return type_ if type_ in _OTHERS else "unknown_type"


def _unreadable(error: ValidationError, merchant: Any) -> Unreadable:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    shown = "; ".join(
        f"{'.'.join(map(str, p['loc'])) or 'value'}: {p['msg']}" for p in problems[:_MOST_SHOWN]
    )
    missing = all(p["type"] == "missing" for p in problems)
    merchant_id = (
        merchant if isinstance(merchant, str) and merchant and "\0" not in merchant else None
    )
    return Unreadable("missing_field" if missing else "wrong_type", shown, merchant_id)
