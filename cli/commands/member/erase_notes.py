"""`points member erase-notes`: the free text about a member, erased for ever."""

from cli.support.arguments import Member, Merchant
from cli.support.console import JsonOption, counted, emit, out, safe
from cli.support.wiring import connect, database_configuration


def erase_notes_command(merchant: Merchant, member: Member, json_: JsonOption = False) -> None:
    """Erase the reasons written about a member, in entries and in rows of bulk jobs.

    Entries, balances and the hashes of the texts stay, and so does who gave the points.
    The login must be a member of the role points_ops.
    """
    from schemas.answers.members import ErasedNotes
    from store.ledger.notes import erase
    from store.postgres.session import OPS_ROLE

    with connect(database_configuration(), role=OPS_ROLE) as connection:
        erased = erase(connection, merchant, member)
    if json_:
        emit(
            ErasedNotes(
                merchant_id=merchant,
                member_id=member,
                entries=erased.entries,
                job_rows=erased.job_rows,
            )
        )
        return
    texts = f"{counted(erased.entries, 'text')} of entries"
    rows = f"{counted(erased.job_rows, 'text')} of bulk jobs"
    out().print(f"erased {texts} and {rows} about {safe(member)} at {safe(merchant)}")
