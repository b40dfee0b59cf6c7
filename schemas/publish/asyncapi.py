"""The AsyncAPI document of the topics, made from the table of topics.

Every kind of worker that reads or writes a topic has an operation of its own.
"""

from collections.abc import Iterator
from typing import Any, Final

from schemas.topics import DEFAULT_PARTITIONS, TOPICS, Header, Topic

VERSION: Final = "3.1.0"
_BINDING: Final = "0.5.0"
_LICENSE: Final = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}

Json = dict[str, Any]


def document() -> Json:
    """The whole document; messages refer to the schema files next to it."""
    return {
        "asyncapi": VERSION,
        "id": "urn:member-points",
        "info": {
            "title": "Member Points",
            "version": "1.0.0",
            "description": "The topics by their default names and partitions;"
            " both can be changed by configuration. Consumer groups begin with"
            " POINTS_KAFKA__GROUP_ID, which is `points` by default.",
            "license": _LICENSE,
            "tags": [{"name": "points", "description": "Points of an online shop's members."}],
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic) for topic in TOPICS.values()},
        "operations": dict(
            operation for topic in TOPICS.values() for operation in _operations(topic)
        ),
    }


def _channel(topic: Topic) -> Json:
    names = topic.messages or (_RECORD,)
    return {
        "address": topic.name,
        "title": topic.name,
        "description": topic.about,
        "messages": {name: _message(topic, name) for name in names},
        "bindings": {"kafka": _topic_binding(topic)},
    }


def _topic_binding(topic: Topic) -> Json:
    settings: Json = {
        "cleanup.policy": [topic.cleanup_policy],
        "retention.ms": topic.retention_ms,
    }
    if topic.max_message_bytes is not None:
        settings["max.message.bytes"] = topic.max_message_bytes
    return {
        "partitions": topic.partitions or DEFAULT_PARTITIONS,
        "topicConfiguration": settings,
        "x-why": topic.why,
        "x-decided-by": "member-points" if topic.ours else "the topic's owner; advice of ours",
        "bindingVersion": _BINDING,
    }


_RECORD: Final = "record"
"""The one message of a topic whose records have no shape of ours."""


def _message(topic: Topic, name: str) -> Json:
    message: Json = {
        "name": name,
        "title": name.replace("-", " ").capitalize(),
        "contentType": "application/json",
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "bindingVersion": _BINDING,
            }
        },
    }
    if name == _RECORD:
        # The bytes of a record that could not be read may be anything.
        message["contentType"] = "application/octet-stream"
    else:
        message["payload"] = {"$ref": f"./{name}.schema.json"}
    if topic.headers:
        message["headers"] = _headers(topic.headers)
    return message


def _headers(headers: tuple[Header, ...]) -> Json:
    schema: Json = {
        "type": "object",
        "properties": {
            header.name: {"type": "string", "description": header.about}
            | ({"pattern": header.pattern} if header.pattern is not None else {})
            for header in headers
        },
    }
    required = [header.name for header in headers if header.required]
    return schema | ({"required": required} if required else {})


def _operations(topic: Topic) -> Iterator[tuple[str, Json]]:
    for kind in topic.read_by:
        operation = _operation(topic, "receive", f"The worker {kind} reads {topic.name}.")
        operation["bindings"] = {
            "kafka": {
                "groupId": {"type": "string", "const": f"points.{kind}"},
                "bindingVersion": _BINDING,
            }
        }
        if topic.answered_on is not None:
            operation["reply"] = _references(TOPICS[topic.answered_on])
        yield f"{kind}_receives_{topic.setting}", operation
    for kind in topic.written_by:
        again = " again, when a dead letter is redriven" if topic.read_by and topic.headers else ""
        text = f"The worker {kind} writes {topic.name}{again}."
        yield f"{kind}_sends_{topic.setting}", _operation(topic, "send", text)


def _operation(topic: Topic, action: str, summary: str) -> Json:
    return {"action": action, "summary": summary, **_references(topic)}


def _references(topic: Topic) -> Json:
    channel = f"#/channels/{_id(topic)}"
    return {
        "channel": {"$ref": channel},
        "messages": [
            {"$ref": f"{channel}/messages/{name}"} for name in topic.messages or (_RECORD,)
        ],
    }


def _id(topic: Topic) -> str:
    return topic.name.replace(".", "_")
