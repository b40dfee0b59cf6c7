"""What Faust's types do not say."""

from typing import Any

import faust
from aiokafka.structs import TopicPartition
from mode import Service

Stream = faust.StreamT[Any]
"""A stream of raw records."""

__all__ = ["Service", "Stream", "TopicPartition"]
