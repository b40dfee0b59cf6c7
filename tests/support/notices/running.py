"""What the lane's workers are told when they run as processes."""

from pathlib import Path

from deploy.local.sinks.process import SinksProcess
from tests.support.notices.lane import a_key, keys_in


def environment_of(folder: Path, sinks: SinksProcess) -> dict[str, str]:
    """The variables of both workers: the folder's keys, new ones for links, and these providers."""
    return {
        **sinks.environment(),
        "POINTS_NOTICES__KEY_FILE": str(keys_in(folder)),
        "POINTS_NOTICES__TOKEN_KEYS": a_key("link"),
        "POINTS_NOTICES__UNSUBSCRIBE_URL": "https://lantern.example/unsubscribe",
    }
