"""What the environment says about the notices lane and those who deliver for it."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from processors.runtime.configuration_sections import ConfigurationSection
from rules.signed_tokens import NamedKey, keys_listed


class NoticesConfiguration(ConfigurationSection):
    """The lane that tells members about their points.

    `enabled`: whether `points run all` starts it. `database_url` and `redis_url` stand for those of
    the engine where they are not given; workers take `database_role`. `key_file` has the keys that
    seal contacts, a line `kid:base64url` each: the first seals, all open. `token_keys` sign links
    (the first) and verify them (all), which begin with `unsubscribe_url`. What was recorded more
    than `too_old_hours` ago is not told any more; an SMS waits `sms_hours` at most, a mail
    `email_hours`.
    """

    enabled: bool = False
    database_url: SecretStr | None = None
    database_role: str | None = "points_notices"
    redis_url: SecretStr | None = None
    batch: int = Field(1000, ge=1, le=10_000)
    within_ms: int = Field(50, ge=1, le=1000)
    too_old_hours: int = Field(24, ge=1, le=24 * 30)
    sms_hours: int = Field(24, ge=1, le=24 * 7)
    email_hours: int = Field(72, ge=1, le=24 * 14)
    directory: Literal["table", "http", "none"] = "table"
    directory_url: str | None = None
    directory_token: SecretStr | None = None
    key_file: str | None = None
    token_keys: SecretStr | None = None
    unsubscribe_url: str | None = None
    chunk: int = Field(8, ge=1, le=200)
    lease_seconds: int = Field(60, ge=5, le=600)

    @field_validator("token_keys")
    @classmethod
    def _can_be_read(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None:
            keys_listed(keys.get_secret_value())
        return keys

    def link_keys(self) -> tuple[NamedKey, ...]:
        """The keys of links, the one that signs first; none without the variable."""
        return keys_listed(self.token_keys.get_secret_value()) if self.token_keys else ()


class SmtpConfiguration(ConfigurationSection):
    """The server that takes mails; without `host` there is none. `rate`: mails a second, of all."""

    host: str | None = None
    port: int = Field(587, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    ca_location: str | None = None
    connections: int = Field(4, ge=1, le=100)
    timeout_seconds: float = Field(30, gt=0, le=300)
    rate: float = Field(50, gt=0)


class TwilioConfiguration(ConfigurationSection):
    """Twilio's account for SMS; without `account_sid` there is none. `rate`: messages a second."""

    account_sid: str | None = None
    auth_token: SecretStr | None = None
    url: str = "https://api.twilio.com"
    callback_url: str | None = None
    timeout_seconds: float = Field(15, gt=0, le=300)
    rate: float = Field(50, gt=0)


class MitakeConfiguration(ConfigurationSection):
    """Mitake's account for SMS; without `username` there is none. `rate`: messages a second."""

    username: str | None = None
    password: SecretStr | None = None
    url: str = "https://smsapi.mitake.com.tw"
    callback_url: str | None = None
    timeout_seconds: float = Field(15, gt=0, le=300)
    rate: float = Field(50, gt=0)


class WebhookConfiguration(ConfigurationSection):
    """How SMS and events are handed to a shop's own address, which its notice settings name.

    Each shop's requests are signed with a key of its own, made from `secret`; without it there are
    no webhooks. `rate`: requests a second, of all shops. `ca_location`: a file of certificates to
    trust instead of the system's. `private_addresses`: for a gateway on the machine of a developer.
    """

    secret: SecretStr | None = None
    ca_location: str | None = None
    private_addresses: bool = False
    timeout_seconds: float = Field(15, gt=0, le=300)
    rate: float = Field(50, gt=0)
