"""The statements of docs/how-to/find-out-why-a-report-is-parked.md say what the page says."""

import re

from docs import generate
from tests.support.in_process import InProcessEngine, report
from tests.support.parcels import BEN, DELIVERED, PLAIN, A, B, day, sold

PAGE = generate.DOCS / "how-to" / "find-out-why-a-report-is-parked.md"
OF_NUMBER, OF_ORDER = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_a_tracking_number_says_why_its_report_is_parked(in_process: InProcessEngine) -> None:
    def why() -> list[str]:
        return [row[0] for row in in_process.rows(OF_NUMBER)]

    assert PLAIN in OF_NUMBER
    assert why() == []
    in_process.consume(report(PLAIN, DELIVERED, day(2)))
    assert why() == ["unmatched"]
    in_process.consume(sold(A))
    assert why() == ["an order names it"]
    in_process.consume(sold(B, BEN))
    assert why() == ["ambiguous"]
    in_process.first.connection.execute("UPDATE tracking SET flags = flags | 2")
    assert why() == ["more than 50 orders named it: it counts for none"]


def test_an_order_id_says_how_many_reports_await_it(in_process: InProcessEngine) -> None:
    [order_id] = re.findall(r"decode\('(\w+)'", OF_ORDER)
    in_process.consume(report(None, DELIVERED, day(2), order_id=order_id))
    [[reports, _]] = in_process.rows(OF_ORDER)
    assert reports == 1
    other_id = OF_ORDER.replace(
        f"decode('{order_id}', 'hex')", r"'\xff'::bytea || convert_to('A-1', 'UTF8')"
    )
    in_process.consume(report(None, DELIVERED, day(2), order_id="A-1"))
    [[reports, _]] = in_process.rows(other_id)
    assert reports == 1
