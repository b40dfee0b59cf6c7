"""Random words of others than the shop: carriers' reports with the codes of every service, customers, spellings of numbers."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.oracle.carriers import CODES, DECISIVE
from tests.support.parties import APPLICATION, customer, report
from tests.support.shop import Event, some_id

SERVICES = sorted(CODES)
APPLICATIONS = st.sampled_from([APPLICATION] * 4 + [some_id("another application")])
UNHEARD_OF = ["9999", "貨件去向不明"]


def spelled(draw: st.DrawFn, number: str) -> str | int:
    """A tracking number as somebody may write it."""
    plain = number.replace(" ", "").replace("-", "")
    return draw(st.sampled_from([number, plain, f" {plain}", f"{plain[:2]}-{plain[2:]}", int(plain)]))


@st.composite
def reports(draw: st.DrawFn, occurred: str, service: tuple[str, str], **names: Any) -> Event:
    """A carrier's report, mostly of this service and of a code that decides something."""
    service = draw(st.sampled_from([service] * 9 + [SERVICES[0]]))
    codes = CODES[service]
    decisive = [code for code, meaning in codes.items() if meaning in DECISIVE]
    code = draw(st.sampled_from(decisive * 4 + list(codes) + UNHEARD_OF))
    fields: dict[str, Any] = {}
    if service == ("ninja_van", "v2") and draw(st.integers(0, 3)) == 0:
        fields["return_leg"] = True
    if draw(st.booleans()):
        fields["raw"] = {"receiver": "A. Buyer"}
    if not code.isascii() and draw(st.booleans()):
        return report(*service, None, occurred, text=code, **names, **fields)
    return report(*service, code, occurred, **names, **fields)


@st.composite
def customers(draw: st.DrawFn, merchant: str, member: str, moment: datetime, unit: timedelta) -> Event:
    """A customer's record. When he registered is not always said, and lies about when orders were created."""
    fields: dict[str, Any] = {}
    if draw(st.integers(0, 3)):
        since = draw(st.sampled_from([None, moment - 40 * unit, moment - 20 * unit, moment - 5 * unit, moment]))
        fields["registered_at"] = None if since is None else since.isoformat()
    if draw(st.booleans()):
        fields["is_member"] = draw(st.sampled_from([True, True, False]))
    topic = draw(st.sampled_from(["user/update", "user/create", "customer/update"]))
    return customer(moment.isoformat(), member=member, merchant=merchant, topic=topic, **fields)
