"""What the other parts of the lane answer to the sender, put together in one place."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from processors.notices.sealing_keys import sealer_of
from processors.notices.sending.ports import (
    NotWorded,
    Outside,
    Seals,
    Shop,
    Worded,
)
from processors.runtime.configuration import LaneConfiguration
from processors.runtime.notices_configuration import NoticesConfiguration
from rules.notices import tokens
from rules.notices.months import month_of
from rules.notices.quiet import not_before
from rules.notices.shop import ShopInForce, called
from rules.notices.texts.failures import NotRendered, TextTooLong
from rules.notices.texts.languages import language_of
from rules.notices.texts.mail.build import build_mail
from rules.notices.texts.render import render_mail, render_sms
from rules.notices.tokens import Unsubscription
from rules.notices.values import Contact, Values
from rules.sms.numbers import e164
from schemas.ids import Micros
from schemas.notices.addresses import named_address, usable_address
from schemas.notices.words import ALL_KINDS, Channel, Kind, Why
from store.notices import settings
from store.notices.deciding import expiring
from store.notices.members import optouts
from store.notices.members.members import Member
from store.notices.sending.queue import Taken
from store.postgres.session import Cursor


def outside(configuration: LaneConfiguration) -> Outside:
    """All of it. Raises ConfigurationRefused for keys that are none."""
    sealer = sealer_of(configuration.notices)

    def seals(cursor: Cursor, members: Collection[Member]) -> Seals | None:
        return None if sealer is None else sealer.with_keys(cursor, members, create=False)

    return Outside(
        shops=_shops,
        seals=seals,
        opted_out=optouts.opted_out,
        lapsing=_lapsing,
        month_of=month_of,
        not_before=not_before,
        wording=OurWording(configuration.notices),
    )


def _shops(cursor: Cursor, numbers: Collection[int]) -> Mapping[int, Shop]:
    found = settings.in_force(cursor, numbers) if numbers else {}
    return {number: _shop(shop) for number, shop in found.items()}


def _shop(shop: ShopInForce) -> Shop:
    notices = shop.notices
    email, sms = notices.email, notices.sms
    named = named_address(email.from_) if email.from_ is not None else None
    return Shop(
        merchant_no=shop.merchant_no,
        merchant_id=shop.merchant_id,
        zone=shop.zone,
        languages=notices.languages,
        enabled=shop.enabled,
        entitled=shop.entitled,
        tells=notices.tells,
        provider=sms.provider,
        sender=sms.sender or "",
        mail_from=named[1] if named is not None else None,
        country=sms.country or "",
        limit=sms.monthly_limit_parts,
        webhook_url=sms.webhook_url,
        on_unknown=sms.on_unknown,
        quiet={Channel.email: notices.quiet.email, Channel.sms: notices.quiet.sms},
        name=called(notices, shop.merchant_id),
        settings=notices,
    )


def _lapsing(cursor: Cursor, reminders: Sequence[Taken]) -> Mapping[UUID, int]:
    places = {
        each.notice_id: (each.merchant_no, each.member_id, each.expires_us)
        for each in reminders
        if each.expires_us is not None
    }
    left = expiring.still_lapses(cursor, places.values())
    return {notice: left[place] for notice, place in places.items() if place in left}


class OurWording:
    """The texts of a shop or ours, with a link to unsubscribe in mails where there are keys."""

    def __init__(self, notices: NoticesConfiguration) -> None:
        """The keys that sign links, and where these lead."""
        keys = notices.link_keys()
        self._key = keys[0] if keys else None
        self._url = notices.unsubscribe_url

    def number(self, text: str, country: str) -> str | None:
        """A phone number in E.164 form."""
        return e164(text, country or None)

    def mailbox(self, text: str) -> str | None:
        """An address that a mail can be sent to."""
        return usable_address(text)

    def sms(self, shop: Shop, kind: Kind, contact: Contact, values: Values) -> Worded:
        """The text of an SMS. Raises NotWorded."""
        language = language_of(contact.language, shop.languages)
        try:
            text = render_sms(shop.settings, kind, language, values, shop.zone)
        except TextTooLong as error:
            raise NotWorded(Why.too_long, str(error)) from None
        except NotRendered as error:
            raise NotWorded(Why.render, str(error)) from None
        return Worded(text=text.text, parts=text.parts)

    def mail(
        self, shop: Shop, taken: Taken, to: str, contact: Contact, values: Values, at: Micros
    ) -> Worded:
        """A whole mail. Raises NotWorded."""
        language = language_of(contact.language, shop.languages)
        link = self._link(shop, taken, at)
        email = shop.settings.email
        try:
            text = render_mail(
                shop.settings, taken.kind, language, values, shop.zone, unsubscribe=link
            )
            message = build_mail(
                text,
                notice_id=taken.notice_id,
                event_id=taken.event_id,
                sender=email.from_,
                reply_to=email.reply_to,
                to=to,
                unsubscribe=link,
                sent_at=at,
            )
        except NotRendered as error:
            raise NotWorded(Why.render, str(error)) from None
        return Worded(mail=message)

    def _link(self, shop: Shop, taken: Taken, at: Micros) -> str | None:
        if self._key is None or self._url is None:
            return None
        who = Unsubscription(shop.merchant_id, taken.member_id, Channel.email, ALL_KINDS)
        return tokens.link(self._url, tokens.sign(self._key, who, at))
