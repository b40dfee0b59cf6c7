"""What each topic's agent does with its records."""

from collections.abc import Mapping

from processors.notices.stream.batches import Deciding
from processors.runtime.configuration import Configuration


def deciders(configuration: Configuration) -> Mapping[str, Deciding]:
    """By topic; a topic without one is not read."""
    del configuration
    return {}
