"""What the product answers: the JSON of every `--json`, one model an answer.

The command line prints these models and the HTTP API returns them, so that both say the same. The
field order is the key order; a later field is an addition.
"""

from typing import Any, Final

from pydantic import BaseModel

from schemas.answers.bulk import AssignAnswer, JobAnswer, JobRowAnswer, TrialAnswer
from schemas.answers.campaigns import CampaignAnswer, CampaignLogEntry, CampaignResult
from schemas.answers.carriers import (
    CarrierCodeAnswer,
    CarrierCodeChange,
    CodeChangeResult,
    UnknownCodeAnswer,
)
from schemas.answers.members import (
    BalanceAnswer,
    ErasedNotes,
    ExpiringOfMember,
    HistoryEntry,
    MemberAnswer,
)
from schemas.answers.notices import (
    NoticeAnswer,
    NoticesErased,
    NoticeSettingsAnswer,
    NoticeSettingsLogEntry,
    NoticeSettingsResult,
    NoticesPauseResult,
    NoticesStatusAnswer,
    NoticesUsageAnswer,
    RereadResult,
)
from schemas.answers.notices_acting import (
    KeysRotated,
    NoticePreview,
    OptOutAnswer,
    OptOutResult,
    SettledNotices,
)
from schemas.answers.operations import (
    AclAnswer,
    DoctorFinding,
    MigrateResult,
    StatusAnswer,
    TopicPlan,
    TopicResult,
    VariableAnswer,
    WorkerAddress,
)
from schemas.answers.orders import ExplainAnswer, UpstreamComparison
from schemas.answers.parked import ParkedAnswer, ParkedListAnswer, ParkedRecordsAnswer
from schemas.answers.quotes import QuoteAnswer
from schemas.answers.read_model import ReadModelAnswer, RebuildResult
from schemas.answers.settings import SettingsAnswer, SettingsLogEntry, SettingsResult
from schemas.answers.streams import (
    AdoptedPartition,
    CountedPoison,
    CursorAnswer,
    DeadLetterAnswer,
    DeadLetterListEntry,
    DiscardResult,
    OutboxDiscardResult,
    OutboxRetryResult,
    RedriveResult,
    RefusedRowListEntry,
    ResumeResult,
    SkippedRecord,
)

ANSWERS: Final[dict[str, tuple[type[BaseModel], bool]]] = {
    "balance": (BalanceAnswer, False),
    "bulk-approve": (JobAnswer, False),
    "bulk-assign": (JobAnswer, False),
    "bulk-assign-dry-run": (TrialAnswer, False),
    "bulk-cancel": (JobAnswer, False),
    "bulk-list": (JobAnswer, True),
    "bulk-resume": (JobAnswer, False),
    "bulk-rows": (JobRowAnswer, True),
    "bulk-show": (JobAnswer, False),
    "bulk-undo": (JobAnswer, False),
    "campaign-apply": (CampaignResult, False),
    "campaign-list": (CampaignAnswer, True),
    "campaign-live": (CampaignAnswer, False),
    "campaign-log": (CampaignLogEntry, True),
    "campaign-remove": (CampaignResult, False),
    "campaign-show": (CampaignAnswer, False),
    "carriers-log": (CarrierCodeChange, True),
    "carriers-parked": (ParkedAnswer, False),
    "carriers-parked-ambiguous": (ParkedListAnswer, False),
    "carriers-parked-records": (ParkedRecordsAnswer, False),
    "carriers-reset": (CodeChangeResult, False),
    "carriers-set": (CodeChangeResult, False),
    "carriers-show": (CarrierCodeAnswer, True),
    "carriers-unknown": (UnknownCodeAnswer, True),
    "compare-upstream": (UpstreamComparison, False),
    "config-show": (VariableAnswer, True),
    "cursor-adopt": (AdoptedPartition, True),
    "cursor-show": (CursorAnswer, True),
    "cursor-skip": (SkippedRecord, False),
    "dlq-counted": (CountedPoison, True),
    "dlq-discard": (DiscardResult, False),
    "dlq-list": (DeadLetterListEntry, True),
    "dlq-redrive": (RedriveResult, False),
    "dlq-show": (DeadLetterAnswer, False),
    "doctor": (DoctorFinding, True),
    "expiring": (ExpiringOfMember, True),
    "explain": (ExplainAnswer, False),
    "history": (HistoryEntry, True),
    "member-assign": (AssignAnswer, False),
    "member-erase-notes": (ErasedNotes, False),
    "member-history": (HistoryEntry, True),
    "member-show": (MemberAnswer, False),
    "migrate": (MigrateResult, False),
    "notices-cursor-adopt": (AdoptedPartition, True),
    "notices-cursor-show": (CursorAnswer, True),
    "notices-dlq-discard": (DiscardResult, False),
    "notices-dlq-list": (DeadLetterListEntry, True),
    "notices-dlq-redrive": (RereadResult, False),
    "notices-dlq-show": (DeadLetterAnswer, False),
    "notices-list": (NoticeAnswer, True),
    "notices-settings-apply": (NoticeSettingsResult, False),
    "notices-settings-show": (NoticeSettingsAnswer, False),
    "notices-settings-log": (NoticeSettingsLogEntry, True),
    "notices-usage": (NoticesUsageAnswer, False),
    "notices-erase": (NoticesErased, False),
    "notices-pause": (NoticesPauseResult, False),
    "notices-resume": (NoticesPauseResult, False),
    "notices-show": (NoticeAnswer, False),
    "notices-status": (NoticesStatusAnswer, False),
    "notices-unknown-list": (NoticeAnswer, True),
    "notices-unknown-resolve": (SettledNotices, False),
    "notices-resend": (SettledNotices, False),
    "notices-preview": (NoticePreview, False),
    "notices-optout-add": (OptOutResult, False),
    "notices-optout-remove": (OptOutResult, False),
    "notices-optout-list": (OptOutAnswer, True),
    "notices-keys-rotate": (KeysRotated, False),
    "notices-outbox-discard": (OutboxDiscardResult, False),
    "notices-outbox-list": (RefusedRowListEntry, True),
    "notices-outbox-retry": (OutboxRetryResult, False),
    "outbox-discard": (OutboxDiscardResult, False),
    "outbox-list": (RefusedRowListEntry, True),
    "outbox-retry": (OutboxRetryResult, False),
    "quote": (QuoteAnswer, False),
    "readmodel-rebuild": (RebuildResult, False),
    "readmodel-show": (ReadModelAnswer, False),
    "resume": (ResumeResult, False),
    "run": (WorkerAddress, True),
    "settings-apply": (SettingsResult, False),
    "settings-log": (SettingsLogEntry, True),
    "settings-show": (SettingsAnswer, False),
    "status": (StatusAnswer, False),
    "topics-acls": (AclAnswer, True),
    "topics-apply": (TopicResult, True),
    "topics-plan": (TopicPlan, True),
}
"""Every command with `--json`: its answer, and whether it prints a list of them."""

OPTIONAL: Final = frozenset({"campaign-live"})
"""Those that print null where there is nothing to answer."""


def type_of(name: str) -> Any:
    """The type of what a command prints: its answer, a list of them, or null."""
    model, is_list = ANSWERS[name]
    if is_list:
        return list[model]  # type: ignore[valid-type]
    return model | None if name in OPTIONAL else model
