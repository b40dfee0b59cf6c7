"""What carriers report: the tables of their codes, and the eight words for them."""

from schemas.carriers.codes import CodeTable
from schemas.carriers.meaning import Meaning
from schemas.carriers.table_files import (
    WORDS,
    CarrierCode,
    CarrierLine,
    TableError,
    carrier_lines,
    check_tables,
    is_known_service,
    meaning_of,
    shipped_codes,
)

__all__ = [
    "WORDS",
    "CarrierCode",
    "CarrierLine",
    "CodeTable",
    "Meaning",
    "TableError",
    "carrier_lines",
    "check_tables",
    "is_known_service",
    "meaning_of",
    "shipped_codes",
]
