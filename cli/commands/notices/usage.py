"""`points notices usage`: what a merchant owes for its notices of a month."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.arguments import Merchant
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect_notices, notices_configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.answers.notices import ProviderUsage

YEAR_PLACE = 100


def usage_command(
    merchant: Merchant,
    month: Annotated[
        str, typer.Option("--month", help="The month in the shop's zone, such as 2026-11.")
    ],
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show a month's messages and parts by channel and provider, unknown ones apart."""
    from schemas.answers.notices import NoticesUsageAnswer, ProviderUsage
    from store.notices import meter, reads
    from store.postgres.session import raw

    number = month_number(month)
    if csv and json_:
        raise typer.BadParameter("--csv and --json exclude each other")
    with connect_notices(notices_configuration()) as connection:
        cursor = raw(connection)
        rows = meter.usage(cursor, reads.shop_number(cursor, merchant), number)
    answer = NoticesUsageAnswer(
        merchant_id=merchant,
        month=number,
        usage=tuple(ProviderUsage.model_validate(row._asdict()) for row in rows),
    )
    if json_:
        emit(answer)
    elif csv:
        _print_csv(answer.usage)
    else:
        _print_table(answer.usage, f"nothing was used by {safe(merchant)} in {month}")


def month_number(text: str) -> int:
    """A month such as 2026-11 as 202611. Raises BadParameter."""
    from datetime import datetime

    try:
        parsed = datetime.strptime(f"{text}-01", "%Y-%m-%d")  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise typer.BadParameter("the month is written 2026-11") from None
    return parsed.year * YEAR_PLACE + parsed.month


def _print_csv(rows: "Sequence[ProviderUsage]") -> None:
    import csv
    import sys

    from schemas.answers.notices import ProviderUsage

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(ProviderUsage.model_fields)
    for row in rows:
        writer.writerow(row.model_dump().values())


def _print_table(rows: "Sequence[ProviderUsage]", none: str) -> None:
    from rich.table import Table

    if not rows:
        out().print(none)
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("by", "provider"):
        table.add_column(name)
    for name in ("messages", "parts", "owed", "unknown"):
        table.add_column(name, justify="right")
    for row in rows:
        counts = (row.messages, row.parts, row.provider_parts, row.unknown)
        table.add_row(row.channel, safe(row.provider), *(f"{count:,}" for count in counts))
    out().print(table)
