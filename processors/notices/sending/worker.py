"""The worker `notices-send`: hands notices to providers, and says what became of each."""

from processors.runtime.configuration import Configuration
from processors.runtime.health import Health
from processors.runtime.stopping import Stop


def run(configuration: Configuration, health: Health, stop: Stop) -> None:
    """Runs until it is asked to stop."""
    del configuration
    health.become("not built yet")
    while not stop.wait(1.0):
        health.beat()
