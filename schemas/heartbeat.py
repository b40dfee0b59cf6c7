"""What the watch sends to itself through outbox, relay and Kafka: to see that events come out."""

from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, NonNegativeInt


class Heartbeat(BaseModel):
    """A heartbeat: of which shard of members' events, from which watch, and when it was written."""

    model_config = ConfigDict(frozen=True)

    shard: NonNegativeInt
    instance: str
    written_at: AwareDatetime

    def to_json(self) -> bytes:
        """The value of the record."""
        return self.model_dump_json().encode()

    @classmethod
    def read(cls, value: bytes) -> Self:
        """What `to_json` wrote. Raises pydantic.ValidationError."""
        return cls.model_validate_json(value)
