"""`points notices erase` and `keys rotate`: what is sealed under keys of members."""

from typing import Annotated

import typer

from cli.commands.notices import extra
from cli.support.arguments import Member, Merchant
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect_notices, notices_configuration

app = typer.Typer(no_args_is_help=True, help="Keys that seal what is kept of members.")
AT_ONCE = 1000


def erase_command(
    merchant: Merchant,
    member: Member,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: JsonOption = False,
) -> None:
    """Destroy a member's key and contact, for good; the wish not to hear stays."""
    with extra.needed():
        from store.notices import erasing
    from schemas.answers.notices import ContactErased
    from store.notices import reads
    from store.postgres.session import transaction

    if not yes:
        typer.confirm("Destroy the key and the contact for good?", abort=True, err=True)
    with connect_notices(notices_configuration()) as connection, transaction(connection) as cursor:
        number = reads.shop_number(cursor, merchant)
        existed = erasing.erase(cursor, number, member)
    if json_:
        emit(ContactErased(merchant_id=merchant, member_id=member, existed=existed))
    else:
        what = "key and contact are gone" if existed else "nothing was kept"
        out().print(f"{safe(merchant)}:{safe(member)}: {what}")


@app.command("rotate")
def rotate_command(json_: JsonOption = False) -> None:
    """Wrap members' keys under the first key of the key file; then older ones may go."""
    with extra.needed():
        from processors.notices.sealing_keys import needed_sealer
        from store.notices import sealing
    from schemas.answers.notices import KeysRotated
    from store.postgres.session import raw, transaction

    configured = notices_configuration()
    sealer = needed_sealer(configured.notices)
    rewrapped, after = 0, (0, "")
    with connect_notices(configured) as connection:
        while after is not None:
            with transaction(connection) as cursor:
                count, after = sealing.rewrap(cursor, sealer, AT_ONCE, after)
            rewrapped += count
        under = sealing.wrapped_under(raw(connection))
    if json_:
        emit(KeysRotated(rewrapped=rewrapped, wrapped_under=under))
        return
    out().print(f"{rewrapped:,} keys were wrapped anew")
    for key_id, count in under.items():
        out().print(f"  {safe(key_id)} wraps {count:,}")
