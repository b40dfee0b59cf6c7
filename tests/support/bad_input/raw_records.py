"""Records as no well-behaved client writes them: raw header names, and messages made by hand."""

import ctypes
import ctypes.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import confluent_kafka

_END, _TOPIC, _VALUE, _KEY, _FLAGS, _HEADER = 0, 1, 4, 5, 7, 9
"""librdkafka's `rd_kafka_vtype_t`."""
_COPY = 2


class RawMessage:
    """A message with whatever its parts are said to be."""

    def __init__(
        self, content: Any = b"{}", key: Any = None, headers: Any = None, timestamp: int = 0
    ) -> None:
        self.content, self.raw_key, self.raw_headers, self.at = content, key, headers, timestamp

    def value(self) -> Any:
        """Its value."""
        return self.content

    def key(self) -> Any:
        """Its key."""
        return self.raw_key

    def headers(self) -> Any:
        """Its headers."""
        return self.raw_headers

    def timestamp(self) -> tuple[int, int]:
        """Kind and milliseconds."""
        return 1, self.at


def send_raw(
    servers: str, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> None:
    """Sends a record whose header names are any bytes.

    The Python client takes only text for them, librdkafka takes all.
    """
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    found = sorted(folder.glob("librdkafka*"))
    library = ctypes.CDLL(str(found[0]) if found else ctypes.util.find_library("rdkafka"))
    library.rd_kafka_conf_new.restype = library.rd_kafka_new.restype = ctypes.c_void_p
    error, size, flag = ctypes.create_string_buffer(200), ctypes.c_size_t, ctypes.c_int
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(conf, b"bootstrap.servers", servers.encode(), error, size(200))
    client = ctypes.c_void_p(library.rd_kafka_new(0, conf, error, size(200)))
    named: list[Any] = []
    for name, content in headers:
        named += [flag(_HEADER), name, content, size(len(content))]
    code = library.rd_kafka_producev(
        client, flag(_TOPIC), topic.encode(), flag(_FLAGS), flag(_COPY),
        flag(_KEY), key, size(len(key)), flag(_VALUE), value, size(len(value)),
        *named, flag(_END),
    )  # fmt: skip
    left = library.rd_kafka_flush(client, 10_000)
    library.rd_kafka_destroy(client)
    assert (code, left) == (0, 0), f"librdkafka: error {code}, {left} records left"
