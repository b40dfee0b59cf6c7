"""How members are reached: our table of sealed contacts, a shop's own directory, or none."""

from typing import Final
from urllib.parse import urlsplit

from processors.notices.directory.none import NoDirectory
from processors.notices.directory.port import Directory
from processors.notices.directory.table import TableDirectory
from processors.notices.sealing_keys import needed_sealer
from processors.runtime.configuration import (
    Configuration,
    ConfigurationRefused,
    NoticesOnlyConfiguration,
)
from store.postgres.session import Database

_URL: Final = "POINTS_NOTICES__DIRECTORY_URL"


def make(
    configuration: Configuration | NoticesOnlyConfiguration, connection: Database
) -> Directory:
    """The directory that the configuration names.

    A table is read over `connection`, in another thread, by one question at a time. Raises
    ConfigurationRefused where it cannot be had: no key to open a table, no address to ask, or one
    without TLS outside development.
    """
    notices = configuration.notices
    if notices.directory == "none":
        return NoDirectory()
    if notices.directory == "table":
        return TableDirectory(connection, needed_sealer(notices))
    from processors.notices.directory.http import HttpDirectory  # noqa: PLC0415 - aiohttp is slow

    url = _checked(notices.directory_url, development=configuration.development)
    token = notices.directory_token
    return HttpDirectory(url, token.get_secret_value() if token is not None else None)


def _checked(url: str | None, *, development: bool) -> str:
    if url is None:
        raise ConfigurationRefused([f"{_URL}: is missing; POINTS_NOTICES__DIRECTORY=http needs it"])
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise ConfigurationRefused(
            [f"{_URL}: is no address of a directory: write https://host/path"]
        )
    if parts.scheme == "http" and not development:
        wrong = (
            f"{_URL}: sends members' ids and addresses without TLS: write https://; "
            "only POINTS_ENVIRONMENT=development permits it"
        )
        raise ConfigurationRefused([wrong])
    return url
