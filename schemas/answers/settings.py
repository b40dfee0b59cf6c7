"""Answers of `points settings apply | show | log`."""

from typing import Any

from schemas.answers.base import AnswerModel, Instant


class SettingsResult(AnswerModel):
    """What `settings apply` did: the version now newest, and whether it is a new one."""

    merchant_id: str
    version: int
    effective_at: Instant
    changed: bool


class SettingsAnswer(AnswerModel):
    """One version of a merchant's settings.

    `settings` is the document (settings-document.schema.json) without `effective_at`.
    """

    merchant_id: str
    version: int
    effective_at: Instant
    applied_at: Instant
    applied_by: str
    settings: dict[str, Any]


class SettingChange(AnswerModel):
    """One value that differs from the version before, by its path; null where there is none."""

    path: str
    before: Any
    after: Any


class SettingsLogEntry(AnswerModel):
    """One version, who applied it and when, and what it changed."""

    version: int
    effective_at: Instant
    applied_at: Instant
    applied_by: str
    changes: tuple[SettingChange, ...]
