"""Which change of points makes which notice: the whole of it, as one table (docs/notices.md).

A change makes one notice for each channel that the table gives its kind, also where it is not sent;
then the notice is skipped, for the first of these reasons that holds:

    too_old        recorded so long ago that nobody wants to hear it any more
    feature_off    the shop has switched points off
    no_plan        neither plan nor module of the shop carries them
    off            the shop does not tell this kind by this channel
    opted_out      the member does not want to hear it
    no_address     the member is known, and cannot be reached by this channel

First what holds for all, then what is the shop's, then what is the member's: so the members' side
is looked up only where somebody would be told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from rules.notices.quiet import not_before
from rules.notices.shop import ShopInForce
from rules.notices.wishes import is_opted_out
from schemas.events import EntryType
from schemas.ids import DAY, Micros
from schemas.notices.points_change import PointsChange
from schemas.notices.words import Channel, Kind, State, Why

UNKNOWN_TYPE: Final = "unknown_type"
"""Ignored: a type of a later version, which is an addition."""
NO_NOTICE: Final = "no_notice"
"""Ignored: a type of which nobody is told."""
NOT_ASKED: Final = "not_asked"
"""Ignored: an assignment whose sender wants nobody notified."""
NOT_KEPT: Final = "not_kept"
"""Ignored: recorded longer ago than notices are kept."""

KEPT: Final = 400 * DAY
"""For how long notices are kept; an older change makes none, so that none comes back."""
FUTURE: Final = DAY
"""What is recorded further ahead of our clock is no time that an engine wrote."""

FIRST_MONDAY: Final = 4 * DAY
"""1970-01-05: notices lie by the week, and no week is older."""

EVERYWHERE: Final = (Channel.email, Channel.sms)
_BY_MAIL: Final = (Channel.email,)


@dataclass(frozen=True, slots=True)
class Line:
    """What a change makes: a kind, told by these channels; `asked`: only where its sender asks."""

    kind: Kind
    channels: tuple[Channel, ...] = EVERYWHERE
    asked: bool = False


class Lines(NamedTuple):
    """The lines of a type of change: of points that come, and of points that go."""

    up: Line | None = None
    down: Line | None = None


_CORRECTED: Final = Line(Kind.corrected, _BY_MAIL)
TABLE: Final[Mapping[str, Lines]] = {
    EntryType.granted.name: Lines(up=Line(Kind.earned)),
    EntryType.assigned.name: Lines(up=Line(Kind.assigned, asked=True)),
    EntryType.returned.name: Lines(up=Line(Kind.returned)),
    EntryType.adjusted.name: Lines(up=Line(Kind.earned_more), down=_CORRECTED),
    EntryType.deducted.name: Lines(down=_CORRECTED),
    EntryType.clawed_back.name: Lines(down=_CORRECTED),
    EntryType.expired.name: Lines(down=Line(Kind.expired, _BY_MAIL)),
    EntryType.held.name: Lines(),
    EntryType.released.name: Lines(),
    EntryType.redeemed.name: Lines(),
}
"""Every type of change. Whether a kind is told is the shop's choice (`NoticeSettings.tells`)."""


class Reach(NamedTuple):
    """What is known of how a member is reached.

    `has_email` and `has_phone` are None while nothing was heard of the member: then the address is
    judged at the moment of sending, since it may come seconds later on another topic. `opted_out`:
    pairs of channel and kind, or of channel and `*` for all.
    """

    has_email: bool | None = None
    has_phone: bool | None = None
    opted_out: frozenset[tuple[str, str]] = frozenset()


NOTHING_HEARD: Final = Reach()


class Limits(NamedTuple):
    """How old a change may be to be told, and how long a notice may wait: durations."""

    too_old: Micros
    mail: Micros
    sms: Micros


class Decided(NamedTuple):
    """A notice as decided: waiting, from `not_before` until `give_up`, or skipped, and why."""

    channel: Channel
    kind: Kind
    state: State
    why: Why | None
    not_before: Micros = 0
    give_up: Micros = 0


def lines_of(change: PointsChange) -> tuple[Line, tuple[Channel, ...]] | str:
    """What a change makes and by which channels, or the reason for which it makes nothing."""
    lines = TABLE.get(change.type)
    if lines is None:
        return UNKNOWN_TYPE
    line = lines.up if change.points > 0 else lines.down if change.points < 0 else None
    if line is None:
        return NO_NOTICE
    if not line.asked:
        return line, line.channels
    asked = {Channel.email: change.notify_email, Channel.sms: change.notify_sms}
    channels = tuple(channel for channel in line.channels if asked[channel])
    return (line, channels) if channels else NOT_ASKED


def decide(
    change: PointsChange, shop: ShopInForce, reach: Reach, now: Micros, limits: Limits
) -> tuple[Decided, ...] | str:
    """The notices that a change makes, or the reason for which it makes none."""
    lines = lines_of(change)
    if isinstance(lines, str):
        return lines
    if now - change.recorded_us > KEPT:
        return NOT_KEPT
    line, channels = lines
    too_old = now - change.recorded_us > limits.too_old
    drafts = drafts_of(line.kind, channels, shop, now, limits, too_old=too_old)
    return tuple(for_member(draft, reach) for draft in drafts)


def drafts_of(
    kind: Kind,
    channels: tuple[Channel, ...],
    shop: ShopInForce,
    now: Micros,
    limits: Limits,
    *,
    too_old: bool,
) -> tuple[Decided, ...]:
    """The notices of a kind as far as the member is not asked for."""
    return tuple(_draft(kind, channel, shop, now, limits, too_old) for channel in channels)


def _draft(
    kind: Kind,
    channel: Channel,
    shop: ShopInForce,
    now: Micros,
    limits: Limits,
    too_old: bool,  # noqa: FBT001 - passed on
) -> Decided:
    why = (
        Why.too_old
        if too_old
        else Why.feature_off
        if not shop.enabled
        else Why.no_plan
        if not shop.entitled
        else Why.off
        if not shop.notices.tells(channel, kind)
        else None
    )
    if why is not None:
        return Decided(channel, kind, State.skipped, why)
    by_mail = channel is Channel.email
    hours = shop.notices.quiet.email if by_mail else shop.notices.quiet.sms
    give_up = now + (limits.mail if by_mail else limits.sms)
    return Decided(channel, kind, State.waiting, None, not_before(now, hours, shop.zone), give_up)


def for_member(draft: Decided, reach: Reach) -> Decided:
    """A notice once the member is asked for: as drafted, or skipped."""
    if draft.state is not State.waiting or reach is NOTHING_HEARD:
        return draft
    channel, kind = draft.channel, draft.kind
    if is_opted_out(reach.opted_out, channel, kind):
        return Decided(channel, kind, State.skipped, Why.opted_out)
    has = reach.has_email if channel is Channel.email else reach.has_phone
    if has is False:
        return Decided(channel, kind, State.skipped, Why.no_address)
    return draft
