"""`points notices keys rotate`: what wraps members' keys."""

import typer

from cli.commands.notices import extra
from cli.support.console import JsonOption, emit, out, safe, slow_progress
from cli.support.wiring import connect_notices, notices_configuration

app = typer.Typer(no_args_is_help=True, help="Keys that wrap the keys of members.")
AT_ONCE = 1000
"""Keys in one transaction."""


@app.command("rotate")
def rotate_command(json_: JsonOption = False) -> None:
    """Wrap members' keys under the first key of the key file; then older ones may go.

    Workers go on meanwhile: they open what any key of the file wraps.
    Stopped half-way it is run again.
    """
    with extra.needed("members' keys"):
        from processors.notices.sealing_keys import needed_sealer
        from store.notices.members import sealing
        from store.notices.members.members import Member
    from schemas.answers.notices_acting import KeysRotated
    from store.postgres.session import raw, transaction

    configured = notices_configuration()
    sealer = needed_sealer(configured.notices)
    rewrapped = done = 0
    after: Member | None = sealing.START
    with (
        connect_notices(configured) as connection,
        slow_progress("wrapping members' keys") as advance,
    ):
        total = sum(sealing.wrapped_under(raw(connection)).values())
        while after is not None:
            with transaction(connection) as cursor:
                count, after = sealing.rewrap(cursor, sealer, AT_ONCE, after)
            rewrapped += count
            done = min(done + AT_ONCE, total)
            advance(done, total)
        under = sealing.wrapped_under(raw(connection))
    if json_:
        emit(KeysRotated(rewrapped=rewrapped, wrapped_under=under))
        return
    out().print(f"{rewrapped:,} keys were wrapped anew")
    for key_id, count in under.items():
        out().print(f"  {safe(key_id)} wraps {count:,}")
