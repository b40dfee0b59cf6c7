"""What each topic's agent does with its records."""

from collections.abc import Mapping

from processors.notices.deciding.changes import ChangesBatches
from processors.notices.deciding.contacts import ContactsBatches
from processors.notices.deciding.feedback import FeedbackBatches
from processors.notices.deciding.reminders import Timer
from processors.notices.deciding.settings import SettingsBatches
from processors.notices.sealing_keys import sealer_of
from processors.notices.stream.batches import Deciding
from processors.runtime.configuration import LaneConfiguration
from store.notices.sending import settling


def deciders(configuration: LaneConfiguration) -> Mapping[str, Deciding]:
    """By topic. Raises ConfigurationRefused where contacts are to be kept and no key seals them."""
    topics, seals = configuration.topics, sealer_of(configuration.notices)
    return {
        topics.points_changed: ChangesBatches(configuration.notices, seals),
        topics.settings: SettingsBatches(configuration.notices, seals),
        topics.customers: ContactsBatches(configuration),
        topics.notices_feedback: FeedbackBatches(configuration, settling.receipt),
    }


def timer(configuration: LaneConfiguration) -> Timer:
    """What is decided by time: reminders, and what was parked. Raises ConfigurationRefused."""
    return Timer(configuration.notices, sealer_of(configuration.notices))
