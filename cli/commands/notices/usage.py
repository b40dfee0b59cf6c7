"""`points notices usage`: what a merchant owes for its notices."""

from typing import Annotated

import typer

from cli.support.arguments import Merchant
from cli.support.console import JsonOption, emit, out
from cli.support.wiring import connect_notices, notices_configuration


def usage_command(
    merchant: Merchant,
    month: Annotated[
        str, typer.Option("--month", metavar="YYYY-MM", help="In the merchant's zone.")
    ],
    csv: Annotated[bool, typer.Option("--csv", help="Print lines of CSV.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show how many messages and parts were sent in a month, by channel and provider."""
    from rich.table import Table

    from schemas.answers.notices import NoticesUsage
    from store.notices import meter, reads
    from store.postgres.session import raw

    wanted = _month(month)
    with connect_notices(notices_configuration()) as connection:
        cursor = raw(connection)
        found = meter.usage(cursor, reads.shop_number(cursor, merchant), wanted)
    rows = [NoticesUsage(month=month, **row._asdict()) for row in found]
    if json_:
        emit(rows)
    elif csv:
        out().print(",".join(NoticesUsage.model_fields), soft_wrap=True)
        for row in rows:
            out().print(",".join(str(value) for value in row.model_dump().values()), soft_wrap=True)
    else:
        table = Table(*NoticesUsage.model_fields)
        for row in rows:
            table.add_row(*(str(value) for value in row.model_dump().values()))
        out().print(table)


def _month(text: str) -> int:
    year, _, month = text.partition("-")
    if not (len(year) == 4 and len(month) == 2 and text.isascii()):  # noqa: PLR2004
        raise typer.BadParameter("write it as 2026-11", param_hint="--month")
    if not ((year + month).isdecimal() and 1 <= int(month) <= 12):  # noqa: PLR2004
        raise typer.BadParameter("write it as 2026-11", param_hint="--month")
    return int(year + month)
