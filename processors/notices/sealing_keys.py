"""The keys that seal contacts, from the file that the configuration names."""

from pathlib import Path

from processors.runtime.configuration import ConfigurationRefused
from processors.runtime.notices_configuration import NoticesConfiguration
from rules.signed_tokens import KeysError
from store.notices.members.sealing import Sealer, key_encryption_keys

VARIABLE = "POINTS_NOTICES__KEY_FILE"
LARGEST = 65_536
"""Bytes: a thousand keys, and a device file would have no end."""


def sealer_of(notices: NoticesConfiguration) -> Sealer | None:
    """What seals contacts; None without a key file. Raises ConfigurationRefused for a bad one."""
    if not notices.key_file:
        return None
    try:
        with Path(notices.key_file).open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ConfigurationRefused([f"{VARIABLE}: names a file that is no list of keys"])
        return Sealer(key_encryption_keys(content.decode()))
    except OSError as error:
        raise ConfigurationRefused(
            [f"{VARIABLE}: its file cannot be read: {error.strerror}"]
        ) from None
    except KeysError as error:
        problems = [f"{VARIABLE}: {problem}" for problem in error.problems]
        raise ConfigurationRefused(problems) from None
    except UnicodeDecodeError:
        raise ConfigurationRefused([f"{VARIABLE}: names a file that is no text"]) from None


def needed_sealer(notices: NoticesConfiguration) -> Sealer:
    """As `sealer_of`. Raises ConfigurationRefused without a key file as well."""
    sealer = sealer_of(notices)
    if sealer is None:
        missing = (
            f"{VARIABLE}: is missing; the contact table seals what it keeps: name a file with a "
            "line kid:base64url of 32 random bytes, or write POINTS_NOTICES__DIRECTORY=http or none"
        )
        raise ConfigurationRefused([missing])
    return sealer
