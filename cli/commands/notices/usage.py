"""`points notices usage`: what a merchant owes for its notices."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import Merchant
from cli.support.console import JsonOption, emit, out, print_table
from cli.support.wiring import connect_notices, notices_configuration

if TYPE_CHECKING:
    from schemas.answers.notices import NoticesUsageAnswer
    from store.postgres.session import Database


def usage_command(
    merchant: Merchant,
    month: Annotated[
        str, typer.Option("--month", metavar="YYYY-MM", help="In the merchant's zone.")
    ],
    csv: Annotated[bool, typer.Option("--csv", help="Print lines of CSV.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show how many messages and parts were sent in a month, by channel and provider."""
    from schemas.answers.notices import NoticesUsage

    _month(month)
    if csv and json_:
        raise typer.BadParameter("is not for JSON: leave one of both out", param_hint="--csv")
    with connect_notices(notices_configuration()) as connection:
        answer = read(connection, merchant, month)
    if json_:
        emit(answer)
    elif csv:
        out().print(",".join(NoticesUsage.model_fields), soft_wrap=True)
        for row in answer.items:
            out().print(",".join(str(value) for value in row.model_dump().values()), soft_wrap=True)
    else:
        _print(answer)


def _print(answer: "NoticesUsageAnswer") -> None:
    from rich.table import Table

    from schemas.answers.notices import NoticesUsage

    if answer.items:
        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
        for name, of in NoticesUsage.model_fields.items():
            right = of.annotation is int
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
        for row in answer.items:
            values = row.model_dump().values()
            table.add_row(*(f"{value:,}" if isinstance(value, int) else value for value in values))
        print_table(table)
    else:
        out().print(f"nothing was sent in {answer.month}")
    if (line := _limit(answer)) is not None:
        out().print(line)


def read(connection: "Database", merchant: str, month: str) -> "NoticesUsageAnswer":
    """What a merchant used in a month such as 2026-11. Raises UnknownShop."""
    from schemas.answers.notices import NoticesUsage, NoticesUsageAnswer
    from schemas.notices.words import Channel
    from store.notices import reads, settings
    from store.notices.sending import limits, meter
    from store.postgres.session import raw

    cursor, wanted = raw(connection), _month(month)
    number = reads.shop_number(cursor, merchant)
    rows = meter.usage(cursor, number, wanted)
    reached = limits.reached(cursor, number, wanted)
    versions = settings.log(connection, merchant)
    return NoticesUsageAnswer(
        month=month,
        limit=versions[-1].settings.sms.monthly_limit_parts if versions else None,
        used=sum(row.provider_parts for row in rows if row.channel == Channel.sms),
        limit_reached_at=reached.since if reached is not None else None,
        skipped=reached.skipped if reached is not None else 0,
        items=tuple(NoticesUsage(month=month, **row._asdict()) for row in rows),
    )


def _limit(answer: "NoticesUsageAnswer") -> str | None:
    """How far the limit is; None where there is none and was none."""
    from schemas.ids import iso

    if answer.limit is None and answer.limit_reached_at is None:
        return None
    limit = "no limit" if answer.limit is None else f"{answer.limit:,}"
    line = f"{answer.used:,} of {limit} parts of SMS"
    if answer.limit_reached_at is None:
        return line
    since = f"{iso(answer.limit_reached_at)[:19]}Z"
    return f"{line}; [yellow]the limit was reached at {since}, {answer.skipped:,} skipped for it[/]"


def _month(text: str) -> int:
    year, _, month = text.partition("-")
    if not (len(year) == 4 and len(month) == 2 and text.isascii()):  # noqa: PLR2004
        raise typer.BadParameter("write it as 2026-11", param_hint="--month")
    if not ((year + month).isdecimal() and 1 <= int(month) <= 12):  # noqa: PLR2004
        raise typer.BadParameter("write it as 2026-11", param_hint="--month")
    return int(year + month)
