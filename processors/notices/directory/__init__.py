"""How members are reached: our table of sealed contacts, a shop's own directory, or none."""

from processors.notices.directory.none import NoDirectory
from processors.notices.directory.port import Directory
from processors.notices.directory.table import TableDirectory
from processors.notices.sealing_keys import needed_sealer
from processors.runtime.configuration import (
    ConfigurationRefused,
    LaneConfiguration,
    NoticesOnlyConfiguration,
)
from processors.runtime.provider_checks import problems_of_directory
from store.notices.members.sealing import Sealer
from store.postgres.session import Database


def make(
    configuration: LaneConfiguration | NoticesOnlyConfiguration, connection: Database
) -> Directory:
    """The directory that the configuration names. Raises as `refuse_unusable`.

    A table is read over `connection`, in another thread, by one question at a time.
    """
    sealer = _usable(configuration)
    if sealer is not None:
        return TableDirectory(connection, sealer)
    notices = configuration.notices
    if notices.directory == "none" or notices.directory_url is None:
        return NoDirectory()
    from processors.notices.directory.http import HttpDirectory  # noqa: PLC0415 - aiohttp is slow

    token = notices.directory_token
    secret = token.get_secret_value() if token is not None else None
    return HttpDirectory(notices.directory_url, secret)


def refuse_unusable(configuration: LaneConfiguration | NoticesOnlyConfiguration) -> None:
    """Raises ConfigurationRefused for a directory that cannot be had, and connects to nothing.

    There is no key to open a table, no address to ask, or one without TLS outside development.
    """
    _usable(configuration)


def _usable(configuration: LaneConfiguration | NoticesOnlyConfiguration) -> Sealer | None:
    """What opens the table, where it is one. Raises as `refuse_unusable`."""
    notices = configuration.notices
    if notices.directory == "table":
        return needed_sealer(notices)
    wrong = [*problems_of_directory(notices, development=configuration.development)]
    if wrong:
        raise ConfigurationRefused(wrong)
    return None
