"""The answer of `points quote` (account.md 2)."""

from schemas.answers.base import AnswerModel, Instant
from schemas.quotes import Bound, QuoteCode
from schemas.settings.fields import Channel


class QuoteAnswer(AnswerModel):
    """What a cart costs with points; amounts in minor units of `currency`.

    `code` is `ok`, `capped`, `rounded` or `below_minimum` where points can be used, else the reason
    why none can; `message` is its sentence, null for `ok`. `limited_by` names what `max_points`
    comes from. `entered` is null where nothing was entered. `settings_version` is null before the
    first settings take effect. `token` and `valid_until` are null without points to use, and where
    no keys are configured.
    """

    merchant_id: str
    member_id: str
    currency: str
    channel: Channel
    settings_version: int | None
    subtotal: int
    discount: int
    store_credit: int
    delivery_fee: int
    eligible: int
    available: int
    max_points: int
    limited_by: Bound | None
    entered: int | None
    points: int
    point_discount: int
    points_left: int
    total: int
    code: QuoteCode
    message: str | None
    steps: tuple[str, ...]
    quoted_at: Instant
    valid_until: Instant | None
    token: str | None
