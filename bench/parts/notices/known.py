"""What a lane knows before a run, by set-wise SQL: shops, members, and notices that it has kept."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import orjson
import psycopg

from bench.contestant import ROOT, Site
from bench.parts.notices.lane import SHOPS, points_settings
from bench.preload import without_indexes, write
from schemas.notices.shop_version import ShopVersion, read_shop_version
from store.notices import shops
from store.postgres import session

SQL: Final = ROOT / "bench" / "sql"
WEEKS: Final = 8
"""Over which kept notices are spread, until now."""
STEP: Final = 125_000
"""Grants a transaction."""
WRITERS: Final = 2
PARTITIONS: Final = """SELECT notices.ensure_partition(public.points_now() - n * 604800000000)
                       FROM generate_series(0, %s) n"""


def hear_of_shops(site: Site, others: Iterable[str] = ()) -> None:
    """As the lane does of the settings topic: of those that tell, and of others that do not."""
    merchants = [*(f"shop-{number}" for number in range(SHOPS)), *others]
    documents = [points_settings(merchant) for merchant in merchants]
    read = [read_shop_version(orjson.dumps(document)) for document in documents]
    versions = [version for version in read if isinstance(version, ShopVersion)]
    with (
        session.connect(
            site.database_url, role=session.NOTICES_ROLE, schema=session.NOTICES_SCHEMA
        ) as connection,
        session.transaction(connection) as cursor,
    ):
        shops.add_versions(cursor, versions)


def know_members(site: Site, members: int) -> None:
    """Gives so many members a mail address and a mobile number, without their texts."""
    script = (SQL / "notices_members.sql").read_text()
    with psycopg.connect(site.database_url, autocommit=True) as database:
        write(database, script, {"members": members, "shops": SHOPS})
        database.execute("VACUUM (ANALYZE) notices.contact")


def keep_notices(site: Site, notices: int, members: int) -> None:
    """Writes so many notices of earlier grants of these members."""
    script = (SQL / "notices_kept.sql").read_text()
    grants = notices // 2
    values = {"grants": grants, "members": members, "shops": SHOPS, "weeks": WEEKS}

    def some(first: int) -> None:
        last = min(first + STEP, grants) - 1
        with psycopg.connect(site.database_url, autocommit=True) as database:
            write(database, script, values | {"first": first, "last": last})

    with psycopg.connect(site.database_url, autocommit=True) as database:
        database.execute(PARTITIONS, [WEEKS])
        with without_indexes(database, ["notices.notice"]), ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(some, range(0, grants, STEP)))
        database.execute("VACUUM (ANALYZE) notices.notice")
        database.execute("CHECKPOINT")
