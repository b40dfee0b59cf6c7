"""For whom a preview is: the shop as it is in force, and a member as a sender would find one."""

from typing import TYPE_CHECKING

from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from processors.runtime.configuration import NoticesOnlyConfiguration
    from rules.notices.shop import ShopInForce
    from rules.notices.values import Contact
    from schemas.answers.notices import NoticeAnswer
    from store.postgres.session import Database


def shop(connection: "Database", merchant: str) -> "ShopInForce":
    """The shop as it is in force. Raises UnknownShop, and Failure for one not heard of yet."""
    from store.notices import reads, settings
    from store.postgres.session import raw

    cursor = raw(connection)
    number = reads.shop_number(cursor, merchant)
    found = settings.in_force(cursor, [number]).get(number)
    if found is None:
        raise Failure(
            Exit.NOT_FOUND,
            f"the points settings of merchant {merchant} are not heard of yet",
            "apply them with `points settings apply`, and see whether a worker `notices` runs",
            code="no_settings_yet",
        )
    return found


def contact(
    configured: "NoticesOnlyConfiguration",
    connection: "Database",
    shop: "ShopInForce",
    member: str,
) -> "Contact | None":
    """The member as the directory has it; None for one whom it does not know."""
    import asyncio

    from processors.notices.directory import make
    from processors.notices.directory.port import DirectoryUnavailable, MemberKey

    key = MemberKey(shop.merchant_no, shop.merchant_id, member)

    async def ask() -> "Contact | None":
        directory = make(configured, connection)
        try:
            return (await directory.contacts([key])).get(key)
        finally:
            await directory.close()

    try:
        return asyncio.run(ask())
    except DirectoryUnavailable:
        raise Failure(
            Exit.UNREACHABLE,
            "the directory of members does not answer",
            "see whether POINTS_NOTICES__DIRECTORY_URL is right and the shop's service runs",
        ) from None


def reason(
    configured: "NoticesOnlyConfiguration",
    connection: "Database",
    shop: "ShopInForce",
    notice: "NoticeAnswer",
) -> str | None:
    """Why the points that a notice tells of were given, as whoever gave them wrote it.

    None where there is no such text, or no key to open it with.
    """
    from processors.notices.sealing_keys import sealer_of
    from store.notices import reads
    from store.notices.members import sealing
    from store.postgres.session import raw

    cursor, member = raw(connection), (shop.merchant_no, notice.member_id)
    sealed, sealer = reads.sealed_reason(cursor, notice.notice_id), sealer_of(configured.notices)
    if sealed is None or sealer is None:
        return None
    return sealer.with_keys(cursor, [member], create=False).open(*member, sealing.REASON, sealed)
