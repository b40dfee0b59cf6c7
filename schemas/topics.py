"""Every topic once: its name, records, key and headers, how long it keeps them, and who uses it.

From here come what `points topics apply` makes, the AsyncAPI document, the table of the pages, and
the rights that each kind of worker needs. A new topic is an entry here, a field of the same name in
TopicsConfiguration, and the messages that it carries in `schemas.publish.messages`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

DEFAULT_PARTITIONS: Final = 4
"""What POINTS_KAFKA__PARTITIONS is unless it is set: it bounds how many workers read a topic."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header of a topic's records: `pattern` is what its value looks like, for a validator."""

    name: str
    about: str
    pattern: str | None = None
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic by its default name.

    `setting`: the field of TopicsConfiguration that renames it. `messages`: the published schemas
    of its records, none where they have no shape of ours. `ours`: we decide how it is kept;
    otherwise its owner does, and what is said here is advice. `partitions`: None for as many as the
    configuration says. `keeps_order`: what comes in its order because it has one key. `retention`:
    how long a record is kept, None for ever; `why` is the reason. `read_by` and `written_by`: kinds
    of workers. `answered_on`: the setting of the topic that has the answers.
    """

    setting: str
    name: str
    about: str
    key: str
    messages: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()
    ours: bool = True
    partitions: int | None = None
    keeps_order: str | None = None
    cleanup_policy: Literal["delete", "compact"] = "delete"
    retention: timedelta | None
    max_message_bytes: int | None = None
    why: str
    read_by: tuple[str, ...] = ()
    written_by: tuple[str, ...] = ("relay",)
    answered_on: str | None = None

    @property
    def settings(self) -> Mapping[str, str]:
        """What it is made with, in the broker's words; nothing where others decide."""
        if not self.ours:
            return {}
        settings: dict[str, str] = {"cleanup.policy": self.cleanup_policy}
        if self.cleanup_policy == "delete":
            settings["retention.ms"] = str(self.retention_ms)
        if self.max_message_bytes is not None:
            settings["max.message.bytes"] = str(self.max_message_bytes)
        return settings

    @property
    def retention_ms(self) -> int:
        """How long a record is kept, in milliseconds; -1 for ever."""
        return -1 if self.retention is None else self.retention // timedelta(milliseconds=1)


DEAD_LETTERS_KEPT: Final = timedelta(days=14)
"""As long as the quarantine keeps the bytes (rules.md 7): only the two hold raw records."""
LARGEST_LETTER: Final = 8 << 20
"""A dead letter is a record that its topic took, with our headers on top: the usual limit of 1 MB
would refuse the largest.
"""
REDRIVABLE: Final = timedelta(days=30)
"""A redriven record keeps its time, which may be that of a dead letter of 14 days: a topic with a
shorter memory would delete it at once.
"""

_ANY_KEY: Final = "Whatever the shop platform's bridge uses; may be absent."
_MEMBER_KEY: Final = "merchant:member; in ids, : is %3A and % is %25."
_TRACEPARENT: Final = Header(
    "traceparent",
    "The trace of the record that caused it, as W3C writes it; only when it is known.",
    pattern="^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    required=False,
)
_CALLERS_TRACE: Final = Header(
    "traceparent",
    "The trace that it belongs to, as W3C writes it. It goes on to the events that it causes.",
    pattern=_TRACEPARENT.pattern,
    required=False,
)
_CLOUD_EVENT: Final = (
    Header("ce_specversion", "CloudEvents 1.0, binary mode.", "^1\\.0$"),
    Header("ce_id", "The event_id."),
    Header("ce_type", "The type, as points.<type>.v1.", "^points\\.[a-z_]+\\.v1$"),
    Header("ce_source", "/member-points/ and the merchant.", "^/member-points/"),
    Header("ce_subject", "The member."),
    Header("ce_time", "When it became true: occurred_at."),
    Header("content-type", "JSON.", "^application/json$"),
    _TRACEPARENT,
)
_DEAD_HEADERS: Final = (
    Header("__dlq.errors.topic", "The topic that the record was read from."),
    Header("__dlq.errors.partition", "Its partition there.", "^[0-9]+$"),
    Header("__dlq.errors.offset", "Its offset there.", "^[0-9]+$"),
    Header("__dlq.errors.group", "The consumer group that could not read it."),
    Header("__dlq.errors.message", "The reason and what is wrong, after a colon."),
)


def _source(setting: str, name: str, about: str, messages: tuple[str, ...]) -> Topic:
    return Topic(
        setting=setting,
        name=name,
        about=about,
        key=_ANY_KEY,
        messages=messages,
        headers=(_CALLERS_TRACE,),
        ours=False,
        retention=REDRIVABLE,
        why="longer than the longest time without an intake, and than a dead letter may be old"
        " when it is redriven",
        read_by=("intake", "notices") if setting == "customers" else ("intake",),
    )


def _dead_letters(source: str, written_by: str = "relay") -> Topic:
    return Topic(
        setting=f"dlq_{source}",
        name=f"dlq.points.{source}",
        about="Records that could not be read or break an invariant, bytes and headers untouched,"
        " with headers of ours behind theirs.",
        key="That of the record that could not be read.",
        headers=_DEAD_HEADERS,
        retention=DEAD_LETTERS_KEPT,
        max_message_bytes=LARGEST_LETTER,
        why="as long as the quarantine keeps their bytes, since they may hold personal data;"
        " large, since a letter is its record with headers on top",
        written_by=(written_by,),
    )


_ALL: Final = (
    _source(
        "orders",
        "commerce.orders.v1",
        "The platform's webhook envelopes with topic order/* (split_order and combine_orders among"
        " them), order_delivery/*, return_order/*, pos_return_order/*, application/install and"
        " application/uninstall. The schemas name what is read of them; whatever else a record has"
        " is ignored.",
        (
            "upstream-order",
            "upstream-order-delivery",
            "upstream-order-removed",
            "upstream-return-order",
            "upstream-application",
        ),
    ),
    _source(
        "deliveries",
        "commerce.deliveries.v1",
        "The same envelopes with topic order_delivery/*, and carriers' reports, which have no"
        " envelope: with a tracking number, an order's id or both, and with a code, a text or both."
        " An order's id joins a report by itself; a tracking number joins it to the order that"
        " names it, in whatever order the two come.",
        ("upstream-order-delivery", "carrier-report"),
    ),
    _source(
        "customers",
        "commerce.customers.v1",
        "The same envelopes with topic user/* and customer/*. A record with neither registered_at"
        " nor is_member says nothing of points, and is ignored.",
        ("upstream-customer",),
    ),
    Topic(
        setting="commands",
        name="points.commands.v1",
        about="What senders want done on a member's account. Unknown fields are refused, save names"
        " that begin with x_; numbers are whole. Each record is answered, unless it names no"
        " command_id, merchant_id and member_id: then it goes to the dead letters.",
        key="merchant:member, of bulk_assign the merchant; in ids, : is %3A and % is %25. It keeps"
        " a member's commands in order; the value says what is meant.",
        messages=(
            "command-assign",
            "command-hold-for-cash",
            "command-hold-for-gift",
            "command-capture",
            "command-release",
            "command-return-redeemed",
            "command-bulk-assign",
        ),
        headers=(_CALLERS_TRACE,),
        keeps_order="a member's commands",
        retention=REDRIVABLE,
        why="longer than the longest time without a commands worker, and than a dead letter may be"
        " old when it is redriven",
        read_by=("commands",),
        answered_on="command_results",
    ),
    Topic(
        setting="points_changed",
        name="points.changed.v1",
        about="Every change of a member's points, in the order of `sequence`. At least once: drop a"
        " `sequence` seen before.",
        key=_MEMBER_KEY,
        messages=("points-changed",),
        headers=_CLOUD_EVENT,
        keeps_order="a member's events",
        retention=timedelta(days=30),
        why="a consumer that stood still, or that is new, has a month to follow; what is older is"
        " in the ledger",
        read_by=("readmodel", "notices"),
    ),
    Topic(
        setting="command_results",
        name="points.command-results.v1",
        about="The answers to commands, of a member in the order of the commands. At least once:"
        " one of the same command_id and repeated may come again.",
        key="That of the command: merchant:member, of bulk_assign the merchant.",
        messages=("command-result",),
        keeps_order="a member's answers",
        retention=timedelta(days=7),
        why="who sent a command waits seconds for its answer, and has it again for the same command"
        " sent again",
    ),
    Topic(
        setting="settings",
        name="points.settings.v1",
        about="All that decides points besides the records: every version of every merchant's"
        " settings and campaigns, changes of carriers' codes, and cursors that were adopted; `type`"
        " says which.",
        key="merchant:version; :campaign:merchant:campaign:version; :carrier-code:version;"
        " :cursor:pipeline:cluster:topic:partition:count",
        messages=("settings-changed", "campaign-changed", "carrier-code-changed", "cursor-adopted"),
        cleanup_policy="compact",
        retention=None,
        why="the whole story for ever; compacted by keys that never come again, so that nothing is"
        " forgotten",
        read_by=("notices",),
    ),
    Topic(
        setting="heartbeat",
        name="points.heartbeat.v1",
        about="What the worker `watch` sends to itself through outbox and relay, to see whether"
        " events get through. Nothing of it concerns others.",
        key="The number of the shard of members' events.",
        messages=("heartbeat",),
        retention=timedelta(hours=1),
        why="a minute later none is of use",
        read_by=("watch",),
    ),
    Topic(
        setting="notices",
        name="points.notices.v1",
        about="What became of each notice to a member: sent, failed, unknown, expired, skipped or"
        " withdrawn. No address, name or text. At least once: drop a notice_id, state and attempt"
        " seen before.",
        key=_MEMBER_KEY,
        messages=("notice-changed",),
        keeps_order="a member's notices",
        retention=timedelta(days=30),
        why="as the events of the points that the notices are about",
        written_by=("notices-send",),
    ),
    Topic(
        setting="notices_feedback",
        name="notices.feedback.v1",
        about="What providers and members say back: receipts, bounces, complaints, STOP, and links"
        " to unsubscribe. A record names a notice, or a merchant and member, never an address.",
        key="merchant:member, or the notice; may be absent.",
        messages=("notice-feedback",),
        headers=(_CALLERS_TRACE,),
        retention=REDRIVABLE,
        why="longer than the longest time without the lane, and than a dead letter may be old when"
        " it is redriven",
        read_by=("notices",),
        written_by=(),
    ),
    *(_dead_letters(source) for source in ("orders", "deliveries", "customers", "commands")),
    _dead_letters("notices", "notices-send"),
)

TOPICS: Final[Mapping[str, Topic]] = {topic.setting: topic for topic in _ALL}
"""Every topic by its field of TopicsConfiguration, those that are read first."""
