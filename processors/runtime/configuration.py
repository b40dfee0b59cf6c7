"""Configuration: what the environment says (`POINTS_…`, nested with `__`).

A merchant's *settings* are not here.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from processors.runtime.configuration_checks import (
    problems_of,
    problems_of_database,
    problems_of_lane,
    problems_of_notices,
    problems_of_redis,
    unknown_variables,
)
from processors.runtime.configuration_sections import ConfigurationSection
from processors.runtime.masking import MASK, mask_text
from processors.runtime.notices_configuration import (
    MitakeConfiguration,
    NoticesConfiguration,
    SmtpConfiguration,
    TwilioConfiguration,
    WebhookConfiguration,
)
from processors.runtime.secret_files import SUFFIX, read_secret_files, secret_variables
from rules.quotes.tokens import QuoteKey, quote_keys
from schemas.errors import Exit, PointsError
from schemas.topics import DEFAULT_PARTITIONS, TOPICS


class KafkaConfiguration(ConfigurationSection):
    """How to reach Kafka. `group_id` is a prefix: each kind of worker adds its name."""

    bootstrap_servers: str = Field(min_length=1)
    group_id: str = "points"
    group_protocol: Literal["classic", "consumer"] = "classic"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    sasl_oauthbearer_client_id: str | None = None
    sasl_oauthbearer_client_secret: SecretStr | None = None
    sasl_oauthbearer_token_endpoint_url: str | None = None
    sasl_oauthbearer_scope: str | None = None
    https_ca_location: str | None = None
    ssl_ca_location: str | None = None
    ssl_certificate_location: str | None = None
    ssl_key_location: str | None = None
    ssl_key_password: SecretStr | None = None
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "lz4"
    partitions: int = Field(DEFAULT_PARTITIONS, ge=1, le=10_000)
    replication_factor: int = Field(1, ge=1, le=10)

    def group_of(self, who: str) -> str:
        """The consumer group of a kind of worker, or of who else reads."""
        return f"{self.group_id}.{who}"


class TopicsConfiguration(ConfigurationSection):
    """Topic names; every one can be changed. `schemas.topics` says what each is."""

    orders: str = TOPICS["orders"].name
    deliveries: str = TOPICS["deliveries"].name
    customers: str = TOPICS["customers"].name
    commands: str = TOPICS["commands"].name
    points_changed: str = TOPICS["points_changed"].name
    command_results: str = TOPICS["command_results"].name
    settings: str = TOPICS["settings"].name
    heartbeat: str = TOPICS["heartbeat"].name
    notices: str = TOPICS["notices"].name
    notices_feedback: str = TOPICS["notices_feedback"].name
    dlq_orders: str = TOPICS["dlq_orders"].name
    dlq_deliveries: str = TOPICS["dlq_deliveries"].name
    dlq_customers: str = TOPICS["dlq_customers"].name
    dlq_commands: str = TOPICS["dlq_commands"].name
    dlq_notices: str = TOPICS["dlq_notices"].name


class DatabaseConfiguration(ConfigurationSection):
    """How to reach PostgreSQL 18 or newer.

    Migrations use `owner_url`; with one URL for both, workers take `role`.
    """

    url: SecretStr
    owner_url: SecretStr | None = None
    role: str | None = "points_app"


class RedisConfiguration(ConfigurationSection):
    """The Redis or Valkey of the read model; without a URL there is none, and nothing else waits.

    `redis://:password@host:port/0`, or `rediss://` for TLS.
    """

    url: SecretStr | None = None


class MetricsConfiguration(ConfigurationSection):
    """Where a worker serves /metrics, /healthz and /readyz; 0 takes any free port.

    Several workers of one `points run` take this port and the next ones. A loop that did not turn
    for `stalled_after` seconds counts as dead.
    """

    port: int = Field(9464, ge=0, le=65535)
    host: str = Field("127.0.0.1", min_length=1)
    stalled_after: float = Field(60, gt=0)

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        """An address of IPv6 may be written as in a URL."""
        return host.removeprefix("[").removesuffix("]")


class PoisonConfiguration(ConfigurationSection):
    """When a pipeline pauses over unreadable records.

    `in_a_row` of them, or a `share` of the last `window` records of a partition, over so many
    `merchants` or none. Of one merchant's unreadable records `kept_bytes` a day are kept.
    """

    in_a_row: int = Field(50, ge=1)
    window: int = Field(1000, ge=1)
    share: float = Field(0.2, gt=0, le=1)
    merchants: int = Field(3, ge=1)
    kept_bytes: int = Field(8 << 20, ge=1)


class IntakeConfiguration(ConfigurationSection):
    """Records per transaction (four times as many in a backlog), and how long to wait for them."""

    batch: int = Field(2000, ge=1, le=100_000)
    wait_ms: int = Field(15, ge=1, le=1000)


class TracingConfiguration(ConfigurationSection):
    """Whether spans are sent by OpenTelemetry (the extra `tracing`).

    Where to, and what else, the standard variables OTEL_… say. Of the records that have no trace,
    the share `sample` begins one.
    """

    enabled: bool = False
    sample: float = Field(0, ge=0, le=1)


class QuotesConfiguration(ConfigurationSection):
    """Keys that sign quotes, `kid:base64url,…`: the first signs, all verify; and a quote's life."""

    keys: SecretStr | None = None
    ttl_seconds: int = Field(900, ge=60, le=86_400)

    @field_validator("keys")
    @classmethod
    def _can_be_read(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None:
            quote_keys(keys.get_secret_value())
        return keys

    def signing(self) -> tuple[QuoteKey, ...]:
        """The keys, the one that signs first; none without the variable."""
        return quote_keys(self.keys.get_secret_value()) if self.keys is not None else ()


class _Environment(EnvSettingsSource):
    """The environment, with the values of the secrets that it gives as files."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        given = read_secret_files(os.environ, secret_variables(settings_cls)).values
        known = {(name + SUFFIX).lower() for name in SECRETS}
        self.env_vars = {
            **{name: text for name, text in self.env_vars.items() if name not in known},
            **{name.lower(): text for name, text in given.items()},
        }

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """What is no JSON stays text, which no section takes: it hides no other problem."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class _FromEnvironment(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="POINTS_",
        env_nested_delimiter="__",
        extra="ignore",
        hide_input_in_errors=True,
        frozen=True,
    )

    environment: Literal["production", "development"] = "production"

    @property
    def development(self) -> bool:
        """Whether what is not encrypted may leave the machine."""
        return self.environment == "development"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment alone."""
        del env_settings, dotenv_settings, file_secret_settings
        return (init_settings, _Environment(settings_cls))


class DatabaseOnlyConfiguration(_FromEnvironment):
    """What commands need that ask nothing of Kafka: they run without its variables."""

    database: DatabaseConfiguration
    redis: RedisConfiguration = RedisConfiguration()


class QuotingConfiguration(DatabaseOnlyConfiguration):
    """What `points quote` needs: the database, and the keys that sign."""

    quotes: QuotesConfiguration = QuotesConfiguration()


class NoticesOnlyConfiguration(DatabaseOnlyConfiguration):
    """What commands of the notices lane need that ask nothing of Kafka."""

    notices: NoticesConfiguration = NoticesConfiguration()
    poison: PoisonConfiguration = PoisonConfiguration()
    webhook: WebhookConfiguration = WebhookConfiguration()


class Configuration(_FromEnvironment):
    """What the environment says to the engine. All problems are reported at once.

    Nothing of the notices lane is here: whoever has this cannot be stopped for it.
    """

    kafka: KafkaConfiguration
    database: DatabaseConfiguration
    redis: RedisConfiguration = RedisConfiguration()
    topics: TopicsConfiguration = TopicsConfiguration()
    metrics: MetricsConfiguration = MetricsConfiguration()
    poison: PoisonConfiguration = PoisonConfiguration()
    intake: IntakeConfiguration = IntakeConfiguration()
    quotes: QuotesConfiguration = QuotesConfiguration()
    tracing: TracingConfiguration = TracingConfiguration()
    application_id: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"


class LaneSections(_FromEnvironment):
    """What only the notices lane uses."""

    notices: NoticesConfiguration = NoticesConfiguration()
    smtp: SmtpConfiguration = SmtpConfiguration()
    twilio: TwilioConfiguration = TwilioConfiguration()
    mitake: MitakeConfiguration = MitakeConfiguration()
    webhook: WebhookConfiguration = WebhookConfiguration()


class LaneConfiguration(LaneSections, Configuration):
    """Everything the environment says, as the workers of the notices lane need it."""


class _Switch(ConfigurationSection):
    model_config = ConfigDict(extra="ignore")

    enabled: bool = NoticesConfiguration().enabled


class _LaneSwitch(_FromEnvironment):
    """Whether the lane is wanted, whatever else is said of it."""

    notices: _Switch = _Switch()


SECRETS = secret_variables(LaneConfiguration)
"""The variables whose values are never shown, and that may come as files."""

_Kind = TypeVar("_Kind", bound=_FromEnvironment)
_REMEDY = (
    "docs/reference/configuration.md lists every variable; `make up` prints those of a local stack"
)


class ConfigurationRefused(PointsError):
    """The environment says something wrong, or too little.

    The message lists all of it, without secrets.
    """

    code = "configuration_refused"
    exit_code = Exit.USAGE

    def __init__(self, problems: Sequence[str], hints: Sequence[str] = ()) -> None:
        """`problems`: a line each, with the name of the variable and without its value."""
        told = (f"  {line}" for line in (*problems, *hints))
        super().__init__(["The configuration cannot be used:", *told], _REMEDY)
        self.problems = tuple(problems)


def load() -> Configuration:
    """The configuration of this process. Raises ConfigurationRefused with every problem at once.

    What only the notices lane uses is neither read nor judged: `load_for_lane` does.
    """
    loaded = _loaded(Configuration)
    _refuse(problems_of(loaded))
    return loaded


def load_for_lane() -> LaneConfiguration:
    """As `load`, for a process that is nothing but a worker of the notices lane."""
    loaded = _loaded(LaneConfiguration)
    _refuse([*problems_of(loaded), *problems_of_lane(loaded)])
    return loaded


def lane_is_wanted() -> bool:
    """Whether `points run all` starts the workers of the lane; not where nobody can read it."""
    try:
        return _loaded(_LaneSwitch).notices.enabled
    except ConfigurationRefused:
        return False


def unreadable_of_lane() -> Sequence[str]:
    """What only the notices lane uses and nobody can read, a line each as `problems_of`."""
    try:
        _loaded(LaneSections)
    except ConfigurationRefused as refused:
        return refused.problems
    return ()


def wrong_with_lane() -> Sequence[str]:
    """What the workers of the lane are refused for, besides what stops everybody."""
    try:
        loaded = _loaded(LaneSections)
    except ConfigurationRefused as refused:
        return refused.problems
    return problems_of_lane(loaded)


def refuse_notices_servers(loaded: LaneConfiguration | NoticesOnlyConfiguration) -> None:
    """Raises ConfigurationRefused when the lane's own servers cannot be meant as they are named."""
    _refuse(problems_of_notices(loaded.notices, development=loaded.development))


def load_database_only() -> DatabaseOnlyConfiguration:
    """As `load`, of the database's variables alone."""
    loaded = _loaded(DatabaseOnlyConfiguration)
    _refuse(
        [
            *problems_of_database(loaded.database, development=loaded.development),
            *problems_of_redis(loaded.redis),
        ]
    )
    return loaded


def load_for_notices() -> NoticesOnlyConfiguration:
    """As `load_database_only`, with what the notices lane needs."""
    loaded = _loaded(NoticesOnlyConfiguration)
    _refuse(
        [
            *problems_of_database(loaded.database, development=loaded.development),
            *problems_of_redis(loaded.redis),
            *problems_of_notices(loaded.notices, development=loaded.development),
        ]
    )
    return loaded


def load_for_quotes() -> QuotingConfiguration:
    """As `load_database_only`, with the keys of quotes."""
    loaded = _loaded(QuotingConfiguration)
    _refuse(problems_of_database(loaded.database, development=loaded.development))
    return loaded


def shown(loaded: Configuration) -> Iterator[tuple[str, str | None, str]]:
    """Every variable: its name, its value as text without secrets, and where it comes from.

    `default`, `environment` or `file`; a value that is not set is None. Of a section of the notices
    lane in which something cannot be read, nothing is known.
    """
    for section, value in (*loaded, *_readable_of_lane()):
        inner = list(value) if isinstance(value, BaseModel) else [(None, value)]
        for part, given in inner:
            name = f"POINTS_{section}__{part}".upper() if part else f"POINTS_{section}".upper()
            secret = isinstance(given, SecretStr)
            text = None if given is None else MASK if secret else mask_text(str(given))
            origin = "environment" if name in os.environ else "default"
            yield name, text, "file" if name + SUFFIX in os.environ and secret else origin


def _readable_of_lane() -> Iterator[tuple[str, BaseModel]]:
    """The sections of the lane that can be read, each for itself."""
    for name, field in LaneSections.model_fields.items():
        if name in Configuration.model_fields:
            continue
        definition: dict[str, Any] = {name: (field.annotation, field.default)}
        alone = create_model(f"_Only{name}", __base__=_FromEnvironment, **definition)
        try:
            yield name, getattr(_loaded(alone), name)
        except ConfigurationRefused:
            continue


def misspelt() -> list[str]:
    """The variables of this process that look like ours and are read by nothing."""
    return unknown_variables(os.environ, LaneConfiguration.model_fields)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        hints = [f"{name}: is not a known variable" for name in misspelt()]
        raise ConfigurationRefused(problems, hints)


def _loaded(kind: type[_Kind]) -> _Kind:
    wrong = read_secret_files(os.environ, secret_variables(kind)).wrong
    of_files = [f"{name}: {why}" for name, why in wrong.items()]
    try:
        loaded = kind()
    except ValidationError as error:
        # A secret that could not be read is not missing as well.
        missing = tuple(f"{name}: is missing" for name in wrong)
        _refuse([*of_files, *(line for line in _problems(error) if line not in missing)])
        raise
    _refuse(of_files)
    return loaded


def _problems(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        path = [str(part) for part in problem["loc"]]
        if len(path) == 1 and problem["type"] == "model_type":
            lines.append(_no_section(path[0]))
            continue
        # A whole section is missing: name what in it cannot be done without.
        path += (
            {"kafka": ["bootstrap_servers"], "database": ["url"]}.get(path[0], [])
            if len(path) == 1
            else []
        )
        words = {"missing": "is missing", "extra_forbidden": "is not a known variable"}
        text = words.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        lines.append(f"POINTS_{'__'.join(path).upper()}: {text}")
    return lines


def _no_section(name: str) -> str:
    known = LaneConfiguration.model_fields.get(name)
    fields = getattr(known.annotation, "model_fields", {}) if known is not None else {}
    example = next(iter(fields), "…")
    return (
        f"POINTS_{name.upper()}: is no variable of ours but a section of them: "
        f"write POINTS_{name.upper()}__{example.upper()} and the like"
    )
