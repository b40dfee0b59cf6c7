"""Every large table has the merchant in its keys, and every statement asks for it."""

import re
from collections.abc import Iterator

from tests.support.database.distribution import ASKS_ALL, DISTRIBUTED, ELSEWHERE, statements
from tests.support.in_process import InProcessEngine

_USE = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|USING)\s+(?P<table>{'|'.join(DISTRIBUTED)})\b(?!\s*\()"
    r"(?:\s+(?:AS\s+)?(?!USING|ON|WHERE|SET|JOIN|LIMIT|ORDER|GROUP|CROSS|LEFT|SELECT|DO)(?P<alias>\w+))?"
)
_OF_A_MERCHANT = r"(?:\b{0}\.merchant_no\s*=|=\s*{0}\.merchant_no\b)"


def test_every_table_is_distributed_or_says_why_not(in_process: InProcessEngine) -> None:
    tables = in_process.rows(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert sorted(row[0] for row in tables) == sorted([*DISTRIBUTED, *ELSEWHERE])


def test_every_unique_key_of_a_distributed_table_has_the_merchant(
    in_process: InProcessEngine,
) -> None:
    keys = in_process.rows(
        """SELECT c.relname, i.indexrelid::regclass::text,
                  'merchant_no' = ANY (SELECT attname FROM pg_attribute
                                       WHERE attrelid = c.oid AND attnum = ANY (i.indkey))
           FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
           WHERE i.indisunique AND c.relname = ANY (%s)""",
        [*DISTRIBUTED],
    )
    assert {row[0] for row in keys} == set(DISTRIBUTED)
    assert [key for _, key, has_merchant in keys if not has_merchant] == []


def test_an_account_number_has_its_merchant_in_it(in_process: InProcessEngine) -> None:
    assert in_process.value("SELECT merchant_of((7::bigint << 40) | 1099511627775)") == 7


def without_the_merchant(text: str) -> Iterator[str]:
    """The distributed tables of a statement, as it names them, of which it asks every part."""
    plain = re.sub(r"--.*", "", text)
    for use in _USE.finditer(plain):
        name = use["alias"] or use["table"]
        inserted = rf"INTO\s+{use['table']}\s+(?:AS\s+\w+\s+)?\([^)]*\bmerchant_no\b"
        joined = rf"{use['table']}\s+(?:{name}\s+)?USING\s*\([^)]*\bmerchant_no\b"
        only = (
            rf"(?:FROM|UPDATE)\s+{use['table']}\b[^;]*?WHERE\s+"
            r"(?:merchant_no\s*=|\(account_no, merchant_no\) IN)"
        )
        patterns = (inserted, joined, _OF_A_MERCHANT.format(name))
        asks = any(re.search(pattern, plain) for pattern in patterns)
        if not asks and not (use["alias"] is None and re.search(only, plain)):
            yield name


def test_every_statement_asks_for_the_merchant() -> None:
    found = {
        name: names
        for text, name in statements().items()
        if (names := sorted(without_the_merchant(text.decode())))
    }
    assert {name: found[name] for name in found.keys() - ASKS_ALL.keys()} == {}
    assert ASKS_ALL.keys() - found.keys() == set(), "these ask for the merchant"


def test_a_statement_that_forgets_the_merchant_is_seen() -> None:
    assert list(without_the_merchant("SELECT FROM lot l JOIN account a USING (account_no)"))
    assert list(without_the_merchant("UPDATE account a SET x = 1 WHERE a.account_no = $1"))
    assert not list(
        without_the_merchant("UPDATE account a SET x = 1 WHERE a.merchant_no = $1 AND x = 2")
    )
