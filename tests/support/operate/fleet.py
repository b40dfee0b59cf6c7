"""An engine whose every process is a container of the image."""

from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.compose import our_services
from tests.support.operate.containers import Contained

SERVICES = our_services()
PARTITIONS = 4
"""As `points topics apply` makes them."""
KEYS = "/run/secrets/notices-keys"
"""Where the containers find what seals contacts, as compose mounts it."""


class Fleet:
    """An engine whose every process is a container."""

    def __init__(self, lane: BusyLane, image: str, address: str | None, redis_url: str) -> None:
        self.engine, self.lane, self._image, self._address = lane.engine, lane, image, address
        self.redis_url = redis_url
        ours = {k: v for k, v in self.engine.environment.items() if k.startswith("POINTS_")}
        here = {"POINTS_REDIS__URL": redis_url, "POINTS_METRICS__HOST": "127.0.0.1"}
        notices = {**lane.environment, "POINTS_NOTICES__KEY_FILE": KEYS}
        self._environment = ours | here | notices
        self.workers: dict[str, Contained] = {}

    def container(self, service: str) -> Contained:
        """A container that runs what this service of the compose file runs."""
        return Contained(
            self._image,
            SERVICES[service]["command"],
            self._environment,
            self._address,
            files={KEYS: str(self.lane.key_file)},
        )

    def once(self, service: str) -> None:
        """Run a service that ends, with 0."""
        with self.container(service) as container:
            assert container.ended() == 0, container.output
