"""Providers of notices on this machine: they take mails and SMS, and keep them to be looked at."""

import os
from base64 import urlsafe_b64encode
from importlib.util import find_spec
from pathlib import Path

from deploy.local.process import Identity, private_file
from deploy.local.service import Service
from deploy.local.sinks.process import SinksProcess

KEY_FILE = "notices.keys"
"""In the stack's folder: what seals contacts. It stays with the data that it seals."""


def can_sink() -> bool:
    """Whether what the sinks need is installed."""
    return find_spec("aiosmtpd") is not None


def new_key(key_id: str) -> str:
    """A line of a key file, or of keys that are listed, with a key that nobody has yet."""
    return f"{key_id}:{urlsafe_b64encode(os.urandom(32)).decode()}"


class LocalSinks(Service):
    """The sinks as a server of the stack."""

    def __init__(self, log: Path) -> None:
        """`log`: where they tell of trouble. Whoever reads what we print must not wait for them."""
        self._log = log
        self._process: SinksProcess | None = None

    def launch(self) -> None:
        """Start them; that takes a moment, and they answer then."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._process = SinksProcess(self._log)

    def wait_ready(self) -> None:
        """They answer since they were launched."""

    def stop(self) -> None:
        """Stop them, and forget what they kept."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def identities(self) -> list[Identity]:
        """Their process."""
        return [self._process.identity] if self._process is not None else []

    def environment(self, state_dir: Path) -> dict[str, str]:
        """The variables with which the lane sends there, and seals with the folder's keys."""
        if self._process is None:
            return {}
        keys = state_dir / KEY_FILE
        if not keys.exists():
            private_file(keys, f"{new_key('local')}\n")
        return {**self._process.environment(), "POINTS_NOTICES__KEY_FILE": str(keys)}
