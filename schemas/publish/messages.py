"""Every message and document with a published schema, by its file's name.

Which way it goes decides what the schema says, and what may change about it: what we send can be
relied on by others, so it only ever gains; what we take must go on to be taken.
"""

from typing import Final

from pydantic import BaseModel

from schemas.answers.read_model import ReadModelBalance
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
from schemas.notices.changed import NoticeChanged
from schemas.notices.document import NoticeSettings
from schemas.notices.feedback import NoticeFeedback
from schemas.quotes import Cart
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

SENT: Final[dict[str, type[BaseModel]]] = {
    "campaign-changed": CampaignChanged,
    "carrier-code-changed": CarrierCodeChanged,
    "command-result": CommandResult,
    "cursor-adopted": CursorAdopted,
    "heartbeat": Heartbeat,
    "notice-changed": NoticeChanged,
    "points-changed": PointsChanged,
    "read-model-balance": ReadModelBalance,
    "settings-changed": SettingsChanged,
}
"""What we write: its schema says what comes out."""

TAKEN: Final[dict[str, type[BaseModel]]] = {
    "campaign-document": CampaignDocument,
    "carrier-report": RawReport,
    "cart": Cart,
    "command-assign": Assign,
    "command-bulk-assign": BulkAssign,
    "command-capture": Capture,
    "command-hold-for-cash": HoldForCash,
    "command-hold-for-gift": HoldForGift,
    "command-release": Release,
    "command-return-redeemed": ReturnRedeemed,
    "settings-document": SettingsDocument,
    "notice-feedback": NoticeFeedback,
    "notice-settings-document": NoticeSettings,
    "upstream-application": Envelope[ApplicationResource],
    "upstream-customer": Envelope[CustomerResource],
    "upstream-order": Envelope[OrderResource],
    "upstream-order-delivery": Envelope[DeliveryResource],
    "upstream-order-removed": Envelope[RemovedOrder],
    "upstream-return-order": Envelope[ReturnResource],
}
"""What others write: its schema says what we understand."""
