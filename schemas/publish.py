"""Writes what others build on to `published/`: JSON Schemas and an AsyncAPI document of the topics.

There is one schema a message, and under `answers/` one for the `--json` of each command.
`python -m schemas.publish` writes the files; with `--check` it only names the stale ones, and exits
with 1.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import TypedDictField, TypedDictSchema

from schemas.answers import ANSWERS, type_of
from schemas.campaigns import CampaignDocument
from schemas.campaigns.changed import CampaignChanged
from schemas.commands.bodies import (
    Assign,
    BulkAssign,
    Capture,
    HoldForCash,
    HoldForGift,
    Release,
    ReturnRedeemed,
)
from schemas.commands.results import CommandResult
from schemas.events import CarrierCodeChanged, CursorAdopted, PointsChanged, SettingsChanged
from schemas.heartbeat import Heartbeat
from schemas.quotes import Cart
from schemas.read_model import ReadModelBalance
from schemas.settings import SettingsDocument
from schemas.upstream.envelope import Envelope
from schemas.upstream.reports import RawReport
from schemas.upstream.resources import (
    ApplicationResource,
    CustomerResource,
    DeliveryResource,
    OrderResource,
    RemovedOrder,
    ReturnResource,
)

PUBLISHED: Final = Path(__file__).parent / "published"

MESSAGES: Final[dict[str, type[BaseModel]]] = {
    "campaign-changed": CampaignChanged,
    "campaign-document": CampaignDocument,
    "carrier-code-changed": CarrierCodeChanged,
    "carrier-report": RawReport,
    "cart": Cart,
    "command-assign": Assign,
    "command-bulk-assign": BulkAssign,
    "command-capture": Capture,
    "command-hold-for-cash": HoldForCash,
    "command-hold-for-gift": HoldForGift,
    "command-release": Release,
    "command-result": CommandResult,
    "command-return-redeemed": ReturnRedeemed,
    "cursor-adopted": CursorAdopted,
    "heartbeat": Heartbeat,
    "points-changed": PointsChanged,
    "read-model-balance": ReadModelBalance,
    "settings-changed": SettingsChanged,
    "settings-document": SettingsDocument,
    "upstream-application": Envelope[ApplicationResource],
    "upstream-customer": Envelope[CustomerResource],
    "upstream-order": Envelope[OrderResource],
    "upstream-order-delivery": Envelope[DeliveryResource],
    "upstream-order-removed": Envelope[RemovedOrder],
    "upstream-return-order": Envelope[ReturnResource],
}
"""Every message and document with a schema, by file name."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic by its default name.

    `messages` are keys of MESSAGES; none where records have no shape of ours.
    """

    name: str
    direction: Literal["receive", "send"]
    key: str
    about: str
    messages: tuple[str, ...] = ()
    headers: str | None = None


_ANY_KEY: Final = "Whatever the shop platform's bridge uses; may be absent."
_SAME_KEY: Final = "That of the record that could not be read."
_DEAD: Final = "Records that could not be read or break an invariant, bytes and headers untouched."
_DEAD_HEADERS: Final = (
    "The record's own, and __dlq.errors.topic, .partition, .offset, .group and .message."
)
_CLOUD_EVENT: Final = (
    "CloudEvents 1.0, binary mode: ce_id (the event_id), ce_type (points.<type>.v1), ce_source"
    " (/member-points/<merchant>), ce_subject (the member), ce_time; content-type"
    " application/json; traceparent when known."
)

TOPICS: Final = (
    Topic(
        "commerce.orders.v1",
        "receive",
        _ANY_KEY,
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
    Topic(
        "commerce.deliveries.v1",
        "receive",
        _ANY_KEY,
        "The same envelopes with topic order_delivery/*, and carriers' reports, which have no"
        " envelope: with a tracking number, an order's id or both, and with a code, a text or both."
        " An order's id joins a report by itself; a tracking number joins it to the order that"
        " names it, in whatever order the two come.",
        ("upstream-order-delivery", "carrier-report"),
    ),
    Topic(
        "commerce.customers.v1",
        "receive",
        _ANY_KEY,
        "The same envelopes with topic user/* and customer/*. A record with neither registered_at"
        " nor is_member says nothing of points, and is ignored.",
        ("upstream-customer",),
    ),
    Topic(
        "points.commands.v1",
        "receive",
        "merchant:member, of bulk_assign the merchant; in ids, : is %3A and % is %25. It keeps a"
        " member's commands in order; the value says what is meant.",
        "What senders want done on a member's account. Unknown fields are refused, save names that"
        " begin with x_; numbers are whole. Each record is answered, unless it names no command_id,"
        " merchant_id and member_id: then it goes to the dead letters.",
        (
            "command-assign",
            "command-hold-for-cash",
            "command-hold-for-gift",
            "command-capture",
            "command-release",
            "command-return-redeemed",
            "command-bulk-assign",
        ),
    ),
    Topic(
        "points.command-results.v1",
        "send",
        "That of the command: merchant:member, of bulk_assign the merchant.",
        "The answers to commands, of a member in the order of the commands. At least once: one of"
        " the same command_id and repeated may come again.",
        ("command-result",),
    ),
    Topic(
        "points.changed.v1",
        "send",
        "merchant:member; in ids, : is %3A and % is %25.",
        "Every change of a member's points, in the order of `sequence`. At least once: drop a"
        " `sequence` seen before.",
        ("points-changed",),
        _CLOUD_EVENT,
    ),
    Topic(
        "points.settings.v1",
        "send",
        "merchant:version; :campaign:merchant:campaign:version; :carrier-code:version;"
        " :cursor:pipeline:cluster:topic:partition:count",
        "All that decides points besides the records: every version of every merchant's settings"
        " and campaigns, changes of carriers' codes, and cursors that were adopted; `type` says"
        " which. Compacted by keys that never come again, so that nothing is forgotten.",
        ("settings-changed", "campaign-changed", "carrier-code-changed", "cursor-adopted"),
    ),
    Topic(
        "points.heartbeat.v1",
        "send",
        "The number of the shard of members' events.",
        "What the worker `watch` sends to itself through outbox and relay, to see whether events"
        " get through. Nothing of it concerns others.",
        ("heartbeat",),
    ),
    Topic("dlq.points.orders", "send", _SAME_KEY, _DEAD, headers=_DEAD_HEADERS),
    Topic("dlq.points.deliveries", "send", _SAME_KEY, _DEAD, headers=_DEAD_HEADERS),
    Topic("dlq.points.customers", "send", _SAME_KEY, _DEAD, headers=_DEAD_HEADERS),
    Topic("dlq.points.commands", "send", _SAME_KEY, _DEAD, headers=_DEAD_HEADERS),
)


def rendered() -> dict[str, str]:
    """The text of every published file, by file name."""
    texts = {f"{name}.schema.json": _schema(name, model) for name, model in MESSAGES.items()}
    for name in ANSWERS:
        texts[f"answers/{name}.schema.json"] = _schema(f"answers:{name}", type_of(name))
    texts["asyncapi.yaml"] = yaml.safe_dump(
        _asyncapi(), sort_keys=False, allow_unicode=True, width=118
    )
    return texts


def stale() -> list[str]:
    """The names of published files that are missing, left over, or not what the models say."""
    texts = rendered()
    files = (path for path in PUBLISHED.rglob("*") if path.is_file())
    there = {path.relative_to(PUBLISHED).as_posix(): path.read_text("utf-8") for path in files}
    return sorted(
        name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name)
    )


def _schema(name: str, of: Any) -> str:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:member-points:{name}",
        **TypeAdapter(of).json_schema(schema_generator=_WithEveryName),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _WithEveryName(GenerateJsonSchema):
    """Shows every name of a field that upstream sends under one of several (`id` or `_id`)."""

    def typed_dict_schema(self, schema: TypedDictSchema) -> JsonSchemaValue:
        """As pydantic's, which would show the first name only."""
        found = super().typed_dict_schema(schema)
        for field in schema["fields"].values():
            alias = field.get("validation_alias")
            if isinstance(alias, list):
                names = [choice[0] for choice in alias if isinstance(choice, list)]
                found["properties"] |= dict.fromkeys(names, found["properties"][names[0]])
                if names[0] in found.get("required", ()):
                    found["required"].remove(names[0])
                    found.setdefault("allOf", []).append(
                        {"anyOf": [{"required": [name]} for name in names]}
                    )
        return found

    def typed_dict_field_schema(self, schema: TypedDictField) -> JsonSchemaValue:
        """As pydantic's. What a record may lack is null by default, as for a model."""
        found = super().typed_dict_field_schema(schema)
        return found if schema.get("required") else {"default": None} | found


def _asyncapi() -> dict[str, object]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Member Points",
            "version": "1.0.0",
            "description": "The topics by their default names;"
            " every name can be changed by configuration.",
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic) for topic in TOPICS},
        "operations": {
            f"{topic.direction}_{_id(topic)}": {
                "action": topic.direction,
                "channel": {"$ref": f"#/channels/{_id(topic)}"},
            }
            for topic in TOPICS
        },
    }


def _channel(topic: Topic) -> dict[str, object]:
    messages = {name: _message(topic, name) for name in topic.messages} or {
        "record": _message(topic, None)
    }
    return {"address": topic.name, "description": topic.about, "messages": messages}


def _message(topic: Topic, name: str | None) -> dict[str, object]:
    message: dict[str, object] = {
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}}}
    }
    if topic.headers:
        message["headers"] = {"type": "object", "description": topic.headers}
    if name:
        message["payload"] = {"$ref": f"./{name}.schema.json"}
    return message


def _id(topic: Topic) -> str:
    return topic.name.replace(".", "_")


def main(arguments: list[str]) -> int:
    """Write the files, or with --check name the stale ones.

    The exit code: 0, or 1 for stale files.
    """
    names = stale()
    if arguments == ["--check"]:
        for name in names:
            sys.stderr.write(f"{name} is stale; run python -m schemas.publish\n")
        return 1 if names else 0
    texts = rendered()
    for name in names:
        if name in texts:
            (PUBLISHED / name).parent.mkdir(parents=True, exist_ok=True)
            (PUBLISHED / name).write_text(texts[name], "utf-8")
        else:
            (PUBLISHED / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
