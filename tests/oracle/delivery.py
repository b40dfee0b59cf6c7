"""When an order is final: rules.md 2, with both voices, and what `keep` makes of it."""

from calendar import isleap
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.oracle.carriers import Statement, Voice, carrier_says
from tests.oracle.records import (
    FOREVER,
    Episode,
    Order,
    Settings,
    in_order,
    is_cancelled,
    is_completed,
    last_run,
    overlaid,
    told,
)
from tests.oracle.upstream import VersionedRecord, instant

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
GONE = {
    "returning": "returning",
    "returning_store_closed": "returning",
    "returned": "returned",
    "expired": "lost",
}
FETCHED = frozenset(
    {
        "custom",
        "store_pickup",
        "tw_711_pay",
        "tw_fm_c2c_nopay",
        "hk_pakpobox",
        "hk_integrated_sf_pickup",
    }
)
BROUGHT = frozenset({"tw_tcat_roomtemp", "hk_integrated_sfexpress", "sfexpress", "ninja_van"})


class Parcel(NamedTuple):
    """A parcel's records, oldest first, and its carriers' statements."""

    records: list[VersionedRecord]
    statements: list[Statement]
    fetched: bool

    def voices(self, kept_from: datetime | None) -> tuple[Voice, Voice]:
        """Upstream's and the carrier's.

        With `keep` as they are when going back from `kept_from` on changes nothing.
        """
        upstream = upstream_says(self.records, fetched=self.fetched)
        carrier = carrier_says(self.statements, fetched=self.fetched)
        if kept_from is None:
            return upstream, carrier
        return upstream.keeping(kept_from), carrier.keeping(kept_from)


def went_back(record: VersionedRecord) -> bool:
    return way_back(record) is not None


def way_back(record: VersionedRecord) -> str | None:
    """How upstream says the parcel went back, in the terms of rules.md.

    A failed logistics state beats a final status.
    """
    if record.what.get("delivery_status") == "failed":
        return "lost"
    return GONE.get(record.what.get("status") or "")


def waits_for_collection(parcel: dict[str, Any], overrides: dict[str, str]) -> bool:
    """Whether the parcel is final only when collected (rules.md 2.2)."""
    option = parcel.get("platform")
    if option in overrides:
        return overrides[option] == "collected"
    if option in FETCHED:
        return True
    return option not in BROUGHT and parcel.get("delivery_type") in ("pickup", "store_pickup")


def parcel_final(records: list[VersionedRecord], *, fetched: bool) -> datetime | None:
    """When the parcel became final: its fields, else the oldest of its newest final records."""
    states = ("collected",) if fetched else ("arrived", "collected")
    run = last_run(records, lambda s: s.what.get("status") in states and not went_back(s))
    if not run:
        return None
    arrived, collected = told(run, "arrived_at"), told(run, "collected_at")
    if fetched:
        return collected or min(s.version[0] for s in run)
    if arrived is not None:
        return min(arrived, collected or arrived)
    evidence = []
    for record in run:
        fields = [instant(record.what.get(name)) for name in ("arrived_at", "collected_at")]
        evidence += [f for f in fields if f is not None] or [record.version[0]]
    return min(evidence)


def upstream_says(records: list[VersionedRecord], *, fetched: bool) -> Voice:
    """Upstream's voice: its newest record counts (rules.md 2.4).

    Each new way of going back is a statement. A record with a time of its own is of that time;
    others say since when it has been so.
    """
    run = last_run(records, went_back)
    if not run:
        return Voice(parcel_final(records, fetched=fetched))
    if sent_back_by_return(records):
        stood = parcel_final(records[: len(records) - len(run)], fetched=fetched)
        if stood is not None:
            return Voice(stood)
    gone, since = [], {}
    for record, before in zip(run, [None, *run], strict=False):
        meaning = way_back(record) or ""
        if before is None or way_back(before) != meaning:
            since[meaning] = record.version[0]
        moment = instant(record.what.get("returned_at")) or since[meaning]
        gone.append(Statement(moment, meaning))
    return Voice(
        None, tuple(gone), parcel_final(records[: len(records) - len(run)], fetched=fetched)
    )


def sent_back_by_return(records: list[VersionedRecord]) -> bool:
    """Whether a return order sent the parcel back (D15)."""
    newest = records[-1].what
    return newest.get("status") == "returned" and bool(newest.get("return_order_id"))


def together(upstream: Voice, carrier: Voice) -> datetime | None:
    """Final if either voice says so, unless one says it is gone after the other's final moment.

    rules.md 2.4.
    """
    moments = []
    for voice, other in ((upstream, carrier), (carrier, upstream)):
        if voice.final is None:
            continue
        if other.denies(voice.final):
            return None
        moments.append(voice.final)
    return min(moments, default=None)


def completed_at(order_records: list[VersionedRecord]) -> datetime | None:
    """When the order was completed; a cancellation after that is judged by itself."""
    standing = order_records[: len(order_records) - len(last_run(order_records, is_cancelled))]
    run = last_run(standing, is_completed)
    if not run:
        return None
    return told(run, "completed_at") or min(s.version[0] for s in run)


def local_midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def episode_of(final: datetime, settings: Settings) -> Episode:
    """Due N calendar days after the final moment, expiring with a day of the next year.

    rules.md 2.1, 3.1.
    """
    zone, earn = settings["timezone"], settings["earn"]
    days = earn["pending_days"]
    due = final
    if days:
        due = max(
            final,
            local_midnight(final.astimezone(ZoneInfo(zone)).date() + timedelta(days=days), zone),
        )
    expiry = earn["expiry"]
    if expiry["kind"] == "never":
        return Episode(final, due, FOREVER)
    year, month, day = due.astimezone(ZoneInfo(zone)).year + 1, expiry["month"], expiry["day"]
    last = date(year, month, 28 if (month, day) == (2, 29) and not isleap(year) else day)
    return Episode(final, due, local_midnight(last + timedelta(days=1), zone))


def counts_from(order: Order, settings: Settings, final: datetime) -> Episode:
    """The episode of a final moment: one before the granted moves nothing (rules.md 4.5)."""
    if order.episode is not None and final <= order.episode.final:
        return order.episode
    return episode_of(final, settings)


def final_episode(
    order: Order, settings: Settings, statements: Mapping[str, list[list[Statement]]]
) -> Episode | None:
    """The order's newest episode of finality, if it is final (rules.md 2.2, 2.5, 4.5)."""
    earn, newest = settings["earn"], order.newest() or {}
    things, created = order.parcels(), order.created() or EARLIEST
    says_none = "order_delivery" in newest and newest["order_delivery"] is None
    counter = newest.get("created_by") in ("pos", "shop_crm") and "order_delivery" not in newest
    if earn.get("grant_on") == "order_completed" or (not things and (says_none or counter)):
        records = in_order(order.records("order") + order.records("remove"))
        done = completed_at(overlaid(records))
        return None if done is None else counts_from(order, settings, max(done, created))
    if not things:
        return None
    overrides = settings.get("delivery_overrides", {})
    parcels = [
        Parcel(records, box, waits_for_collection(records[-1].what, overrides))
        for name, records in things.items()
        for box in statements.get(name, [[]])
    ]
    # With `keep`, what goes back at or after the due date changes nothing. Which parcels that is
    # depends on the due date, and the due date on which parcels count: so every set of the latest
    # to go back is tried, the largest first.
    thresholds: list[datetime] = []
    if earn.get("on_return") == "keep":
        thresholds = sorted(
            {gone.at for parcel in parcels for voice in parcel.voices(None) for gone in voice.gone}
        )
    for threshold in [*thresholds, None]:
        final = last_final(parcels, threshold)
        if final is None:
            continue
        episode = counts_from(order, settings, max(final, created))
        if threshold is None or threshold >= episode.due:
            return episode
    return None


def last_final(parcels: list[Parcel], kept_from: datetime | None) -> datetime | None:
    """The last of the parcels' final moments.

    Returned and lost ones do not count (rules.md 2.5).
    """
    moments = []
    for parcel in parcels:
        upstream, carrier = parcel.voices(kept_from)
        final = together(upstream, carrier)
        if sent_back_by_return(parcel.records):
            # The carrier carried back what the return order sent back.
            final = together(*parcel.voices(EARLIEST)) or final
        if final is not None:
            moments.append(final)
        elif not (upstream.is_out() or carrier.is_out()):
            return None
    return max(moments, default=None)
