"""Whether stored settings can still be read, and leave notices some time to go."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from cli.commands.doctor.finding import Finding, some_of
from cli.support.console import counted
from cli.support.errors import Exit

if TYPE_CHECKING:
    from processors.runtime.configuration import NoticesOnlyConfiguration
    from schemas.notices.document import NoticeSettings
    from store.postgres.session import Database
    from store.reads.doctor.documents import StoredVersion

LOOK_SECONDS = 5.0
"""Some ten thousand documents; of more it is said how many were read."""

_Read = TypeVar("_Read")


@dataclass
class _Reading:
    """How many versions were read, and what is wrong with those that cannot be."""

    count: int = 0
    damaged: list[str] = field(default_factory=list)

    def of(
        self, stored: "Iterable[StoredVersion]", reader: Callable[[Any], _Read]
    ) -> Iterator[tuple[str, _Read]]:
        """The merchants with what could be read of them."""
        for each in stored:
            self.count += 1
            found = each.read(reader)
            if isinstance(found, str):
                self.damaged.append(f"version {each.version} of {each.merchant_id}: {found}")
            else:
                yield each.merchant_id, found

    def finding(self, what: str) -> Finding:
        """What came of it."""
        if not self.damaged:
            return Finding("ok", f"{what}: {counted(self.count, 'version')} can be read")
        return Finding(
            "wrong",
            f"{what}: {counted(len(self.damaged), 'version')} cannot be read, such as "
            f"{self.damaged[0]}",
            "restore the row from a backup, or use the version of the product that wrote it",
            Exit.SCHEMA,
        )


def points_settings(connection: "Database") -> Iterator[Finding]:
    """Of every version, as orders are bound to old ones, too."""
    from store.reads.doctor import documents
    from store.settings.merchants import document_of

    reading = _Reading()
    for _ in reading.of(documents.versions(connection, LOOK_SECONDS), document_of):
        pass
    yield reading.finding("settings")


def notice_settings(
    connection: "Database", configured: "NoticesOnlyConfiguration"
) -> Iterator[Finding]:
    """Of each shop's newest version, which is in force; and whether its quiet hours end in time."""
    from store.notices.settings import settings_of
    from store.reads.doctor import documents

    reading, shops = _Reading(), defaultdict[str, list[str]](list)
    hours = {"email": configured.notices.email_hours, "sms": configured.notices.sms_hours}
    stored = documents.newest_of_notices(connection, LOOK_SECONDS)
    for merchant_id, settings in reading.of(stored, settings_of):
        for channel in _too_quiet(settings, hours):
            shops[channel].append(merchant_id)
    yield reading.finding("notices: settings")
    for channel, found in shops.items():
        yield Finding(
            "warning",
            f"notices by {channel}: quiet hours of {some_of(found)} are no shorter than the "
            f"{counted(hours[channel], 'hour')} that one waits: what comes as they begin is never "
            "sent",
            f"raise POINTS_NOTICES__{channel.upper()}_HOURS, or let the shop be quiet for less",
        )


def _too_quiet(settings: "NoticeSettings", hours: dict[str, int]) -> Iterator[str]:
    """Channels whose quiet hours outlast their notices."""
    from rules.notices.quiet import minutes_of

    for channel, quiet, is_on in (
        ("email", settings.quiet.email, settings.email.enabled),
        ("sms", settings.quiet.sms, settings.sms.enabled),
    ):
        if is_on and quiet is not None and minutes_of(quiet) >= hours[channel] * 60:
            yield channel
