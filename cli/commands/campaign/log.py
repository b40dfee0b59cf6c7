"""`points campaign log`: who saved campaigns, when, and what was before and after."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.support.arguments import Merchant, typed_text
from cli.support.changes import changes, print_changes
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect, database_configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.answers.campaigns import CampaignLogEntry
    from store.campaigns.reading import LoggedCampaign


def log_command(
    merchant: Merchant,
    campaign: Annotated[
        str | None,
        typer.Argument(help="Only this campaign; all by default.", callback=typed_text),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """Show who saved or removed campaigns, when, and what was before and after."""
    from store.campaigns import reading
    from store.reads.snapshot import snapshot

    with connect(database_configuration()) as connection, snapshot(connection) as cursor:
        shop = reading.shop_of(cursor, merchant)
        if campaign is not None:
            reading.campaign(cursor, shop, campaign)  # refuses one that is not known
        entries = _entries(reading.log(cursor, shop, campaign))
    if json_:
        emit(entries)
    else:
        _print(entries)


def _entries(logged: "Sequence[LoggedCampaign]") -> "list[CampaignLogEntry]":
    """The versions, oldest first, each with what it changed in the campaign's one before."""
    from schemas.answers.campaigns import CampaignLogEntry

    entries: list[CampaignLogEntry] = []
    before: dict[str, dict[str, Any]] = {}
    for version in logged:
        campaign_id, document = version.campaign_id, version.document
        entries.append(
            CampaignLogEntry(
                campaign_id=campaign_id,
                version=version.version,
                applied_at=version.applied_at,
                applied_by=version.applied_by,
                changes=tuple(changes(before.get(campaign_id, {}), document)),
            )
        )
        before[campaign_id] = document
    return entries


def _print(entries: "Sequence[CampaignLogEntry]") -> None:
    from schemas.ids import iso

    if not entries:
        out().print("no campaign was saved yet")
    for entry in entries:
        who = f"{iso(entry.applied_at)}  by {safe(entry.applied_by)}"
        out().print(f"[bold]{safe(entry.campaign_id)} version {entry.version}[/]  {who}")
        print_changes(entry.changes)
