"""`points notices erase`: forgets how a member is reached."""

from cli.commands.notices import extra
from cli.support.arguments import Member, Merchant
from cli.support.console import JsonOption, emit, out, safe
from cli.support.wiring import connect_notices, notices_configuration


def erase_command(merchant: Merchant, member: Member, json_: JsonOption = False) -> None:
    """Destroy a member's contact and key; what they do not want to hear stays."""
    from schemas.answers.notices import NoticesErased
    from store.notices import reads
    from store.postgres.session import raw

    with extra.needed("erasing"):
        from store.notices.members import erasing

    with connect_notices(notices_configuration()) as connection:
        number = reads.shop_number(raw(connection), merchant)
        erased = erasing.erase_member(connection, number, member)
    if json_:
        emit(NoticesErased(merchant_id=merchant, member_id=member, erased=erased))
    else:
        done = "are erased" if erased else "were not there"
        out().print(f"contact and key of {safe(member)} {done}")
