"""What a notice would look like, and what an SMS would cost: nothing is sent."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Protocol

from rules.notices.texts.render import render_mail, rendered_sms
from rules.notices.texts.worst import worst_case
from rules.notices.values import Values
from rules.sms.parts import Encoding, Parts
from schemas.ids import DAY, Micros
from schemas.notices.document import NoticeSettings
from schemas.notices.sections import NEVER_BY_SMS
from schemas.notices.words import Kind

_SAMPLE_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class Preview:
    """A notice by both channels, as its member would read it.

    `sms` and what belongs to it are None for a kind that is never told by SMS. `characters` as the
    network counts them in `encoding`. `worst_case`: with the longest values. `too_long`: more parts
    than the shop allows, so that it would not be sent. `cost` and `worst_cost`: parts × price, None
    without a price.
    """

    mail_language: str
    subject: str
    html: str
    plain: str
    sms_language: str | None
    sms: str | None
    encoding: Encoding | None
    characters: int | None
    parts: int | None
    too_long: bool
    worst_case: Parts | None
    cost: Decimal | None
    worst_cost: Decimal | None


def preview(
    settings: NoticeSettings,
    kind: Kind,
    language: str,
    values: Values,
    zone: str,
    *,
    price_per_part: Decimal | None = None,
) -> Preview:
    """The notice about a kind for a member of this language; `zone` is the shop's.

    Made by what makes the notices themselves. Raises NotRendered.
    """
    mail = render_mail(settings, kind, language, values, zone)
    sms = rendered_sms(settings, kind, language, values, zone) if kind not in NEVER_BY_SMS else None
    worst = worst_case(settings, kind, language, values.shop)
    return Preview(
        mail_language=mail.language,
        subject=mail.subject,
        html=mail.html,
        plain=mail.plain,
        sms_language=sms.language if sms else None,
        sms=sms.text if sms else None,
        encoding=sms.encoding if sms else None,
        characters=sms.characters if sms else None,
        parts=sms.parts if sms else None,
        too_long=sms is not None and sms.parts > settings.sms.max_parts,
        worst_case=worst,
        cost=_cost(sms.parts if sms else None, price_per_part),
        worst_cost=_cost(worst.parts if worst else None, price_per_part),
    )


class Figures(Protocol):
    """What a notice says: its points, the balance, when they lapse (None: never), the order."""

    @property
    def points(self) -> int:
        """The points that it tells of."""

    @property
    def balance(self) -> int:
        """The member's then."""

    @property
    def expires_at(self) -> Micros | None:
        """The exclusive instant at which the points lapse."""

    @property
    def order_id(self) -> str | None:
        """The order that they are for."""


def sample_values(shop: str, now: Micros) -> Values:
    """Values to look at where there is no member yet: 100 points for a year."""
    return Values(
        points=100,
        balance=340,
        expires_us=now + _SAMPLE_DAYS * DAY,
        order_number="65e1f0a40000000000000001",
        reason=None,
        shop=shop,
        member_name=None,
    )


def values_of(
    shop: str,
    now: Micros,
    figures: Figures | None = None,
    *,
    reason: str | None = None,
    name: str | None = None,
) -> Values:
    """A member's: the figures and the reason of a notice that he got, and his name.

    Without figures those of the sample. `shop`: how the shop is called.
    """
    sample = replace(sample_values(shop, now), member_name=name)
    if figures is None:
        return sample
    return replace(
        sample,
        points=figures.points,
        balance=figures.balance,
        expires_us=figures.expires_at,
        order_number=figures.order_id,
        reason=reason,
    )


def _cost(parts: int | None, price: Decimal | None) -> Decimal | None:
    return parts * price if parts is not None and price is not None else None
