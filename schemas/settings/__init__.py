"""A merchant's settings: the document, how to read it, and the rules that bind orders."""

from schemas.settings.bound import BoundRules, compile_settings
from schemas.settings.document import SettingsDocument, canonical, digest
from schemas.settings.fields import FinalStatus
from schemas.settings.reading import SettingsError, load_settings

__all__ = [
    "BoundRules",
    "FinalStatus",
    "SettingsDocument",
    "SettingsError",
    "canonical",
    "compile_settings",
    "digest",
    "load_settings",
]
