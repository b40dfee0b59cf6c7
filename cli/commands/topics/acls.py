"""`points topics acls`: what each kind of worker may do in Kafka, printed or given."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.support.console import JsonOption, emit, out, safe
from cli.support.errors import Exit, Failure
from cli.support.wiring import configuration

if TYPE_CHECKING:
    from cli.support.broker import Broker
    from processors.runtime.configuration import Configuration
    from processors.runtime.kafka.rights import Right
    from schemas.answers.operations import AclAnswer

PRINCIPALS: Final = "User:points-{kind}"
TIMEOUT: Final = 10.0
_HEAD: Final = """\
# What each kind of worker may do in Kafka, and nothing more: each has a principal of its own.
# READ and WRITE of a topic include DESCRIBE; an idempotent producer needs no right of its own.
# Made from the code by `points topics acls`, which also gives them: `--apply`.
"""
_STATES: Final = {
    "given": "[green]given[/]",
    "there": "[dim]there[/]",
    "beyond": "[yellow]beyond[/]",
}


def acls_command(
    apply: Annotated[
        bool, typer.Option("--apply", help="Give what is missing in the cluster.")
    ] = False,
    principals: Annotated[
        str,
        typer.Option(help="What a kind's principal is called; {kind} is its name."),
    ] = PRINCIPALS,
    json_: JsonOption = False,
) -> None:
    """Print the ACLs that each kind of worker needs, as YAML, or give them to the cluster.

    Nothing is taken away: rights of these principals beyond the list are shown.
    """
    configured = configuration()
    wanted = wanted_acls(configured, principals)
    rows = _given(configured, wanted) if apply else wanted
    if json_:
        emit(rows)
    elif apply:
        for row in rows:
            what = f"{row.operation} on {row.resource} {row.name}"
            out().print(f"{_STATES[row.state or 'there']}  {safe(row.principal)}  {safe(what)}")
    else:
        typer.echo(acls_file(wanted), nl=False)


def wanted_acls(configured: "Configuration", principals: str = PRINCIPALS) -> "list[AclAnswer]":
    """The ACLs of all kinds, a principal after the other.

    Several kinds may share a principal.
    """
    from processors.runtime.kafka.rights import principals as kinds
    from processors.runtime.kafka.rights import rights_of

    if ":" not in principals:
        raise Failure(Exit.USAGE, "--principals: is no principal", "write it as User:points-{kind}")
    rows: dict[tuple[str, Right], AclAnswer] = {}
    for kind in kinds():
        principal = principals.replace("{kind}", kind)
        for right in rights_of(kind, configured):
            rows.setdefault((principal, right), _row(principal, kind, right))
    return list(rows.values())


def _row(principal: str, kind: str, right: "Right") -> "AclAnswer":
    from schemas.answers.operations import AclAnswer

    return AclAnswer(
        principal=principal,
        kind=kind,
        resource=right.resource,
        name=right.name,
        operation=right.operation.upper(),
        state=None,
    )


def acls_file(rows: "Iterable[AclAnswer]") -> str:
    """The rows as a YAML document: principals, each with its ACLs."""
    lines, principal = [_HEAD.rstrip()], ""
    for row in rows:
        if row.principal != principal:
            principal = row.principal
            lines += [f"- principal: {principal}", f"  kind: {row.kind}", "  acls:"]
        lines.append(
            f"    - {{resource: {row.resource}, name: {row.name}, operation: {row.operation}}}"
        )
    return "\n".join(lines) + "\n"


def _given(configured: "Configuration", wanted: "list[AclAnswer]") -> "list[AclAnswer]":
    """Gives what is missing, and tells what else these principals may."""
    from confluent_kafka import KafkaException

    from cli.support.broker import Broker

    broker = Broker(configured)
    try:
        return list(_applied(broker, wanted))
    except KafkaException as error:
        raise Failure(
            Exit.REFUSED,
            f"Kafka does not let us give rights: {error.args[0].str()}",
            "log in as one who may ALTER and DESCRIBE the cluster, "
            "or hand what this command prints to who may",
            code="missing_rights",
        ) from None


def _applied(broker: "Broker", wanted: "list[AclAnswer]") -> "Iterator[AclAnswer]":
    there = {name: set(_existing(broker, name)) for name in {row.principal for row in wanted}}
    missing = [row for row in wanted if _key(row) not in there[row.principal]]
    made = broker.admin.create_acls(
        [_binding(row.principal, *_key(row)) for row in missing], request_timeout=TIMEOUT
    ) if missing else {}  # fmt: skip
    for answer in made.values():
        answer.result()
    for row in wanted:
        state = "given" if row in missing else "there"
        yield row.model_copy(update={"state": state})
    kinds = {row.principal: row.kind for row in wanted}
    for principal, keys in there.items():
        needed = {_key(row) for row in wanted if row.principal == principal}
        for resource, name, operation in sorted(keys - needed):
            yield _beyond(principal, kinds[principal], resource, name, operation)


def _beyond(principal: str, kind: str, resource: Any, name: str, operation: str) -> "AclAnswer":
    from schemas.answers.operations import AclAnswer

    return AclAnswer(
        principal=principal,
        kind=kind,
        resource=resource,
        name=name,
        operation=operation,
        state="beyond",
    )


def _key(row: "AclAnswer") -> tuple[str, str, str]:
    return row.resource, row.name, row.operation


_RESOURCES: Final[Mapping[str, str]] = {"BROKER": "cluster"}
"""The client's names that are not Kafka's own."""


def _existing(broker: "Broker", principal: str) -> Iterator[tuple[str, str, str]]:
    """What a principal is permitted by whole names."""
    from confluent_kafka.admin import (
        AclBindingFilter,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    every: Any = None
    asked = AclBindingFilter(
        ResourceType.ANY,
        every,
        ResourcePatternType.ANY,
        principal,
        every,
        AclOperation.ANY,
        AclPermissionType.ALLOW,
    )
    for each in broker.admin.describe_acls(asked, request_timeout=TIMEOUT).result():
        kind: Any = each.restype.name
        prefix = "" if each.resource_pattern_type is ResourcePatternType.LITERAL else "prefix "
        yield (
            _RESOURCES.get(kind, kind.lower()),
            prefix + each.name,
            each.operation.name,
        )


def _binding(principal: str, resource: str, name: str, operation: str) -> Any:
    from confluent_kafka.admin import (
        AclBinding,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    return AclBinding(
        ResourceType[resource.upper()],
        name,
        ResourcePatternType.LITERAL,
        principal,
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )
