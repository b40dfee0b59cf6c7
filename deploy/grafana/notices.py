"""The board of the notices lane: what is decided, what goes out, what waits, what the shops owe."""

from typing import Final

from deploy.grafana.panels import Panel, Row, age, increase, of_kind, quantiles, rate, worst

_TELLING: Final = Row(
    "Members are told",
    [
        Panel(
            "Decided",
            "Notices decided a second by channel and outcome; `skipped` has a reason in the "
            "notice, `parked` waits for the settings of its shop.",
            "ops",
            {"{{channel}} {{outcome}}": rate("points_notices_decided_total", "channel, outcome")},
            width=6,
        ),
        Panel(
            "Ended",
            "Notices a second that came to their end, by channel and outcome; `receipt`: what a "
            "provider said of them later; `not worded`: failed for want of a text.",
            "ops",
            {
                "{{channel}} {{outcome}}": rate("points_notices_sent_total", "channel, outcome"),
                "receipt: {{channel}} {{outcome}}": rate(
                    "points_notices_receipts_total", "channel, outcome"
                ),
                "not worded: {{channel}}": rate("points_notices_not_worded_total", "channel"),
            },
            width=6,
        ),
        Panel(
            "Parts of SMS",
            "Parts of sent SMS a second, which is what providers charge for.",
            "ops",
            {"{{outcome}}": rate("points_notices_parts_total", "outcome", 'channel="sms"')},
            width=6,
        ),
        Panel(
            "Limits reached",
            "Shops that used up their month's parts of SMS meanwhile: what comes afterwards is "
            "skipped. `points notices usage` names them.",
            "short",
            {"shops": increase("points_notices_limits_reached_total")},
            width=6,
        ),
    ],
)
_WAITING: Final = Row(
    "What waits, and what nobody knows",
    [
        Panel(
            "Oldest that could have gone",
            "How long the notice has waited that has waited longest, beyond the time before which "
            "it may not go (quiet hours, a pause between attempts); no line while none waits.",
            "s",
            {"{{channel}}": age("points_notices_oldest_waiting_timestamp_seconds", "channel")},
            width=8,
        ),
        Panel(
            "Unknown",
            "Notices that were written to a provider and never answered, until a receipt or a "
            "person settles them.",
            "short",
            {"{{channel}}": worst("points_notices_unknown", "channel")},
            width=8,
        ),
        Panel(
            "Lane paused",
            "1 while nothing is read, since too many records could not be, or an operator said so: "
            "`points notices resume` lets it go on.",
            "short",
            {"paused": worst("points_pipeline_paused", more='pipeline="notices"')},
            width=8,
        ),
        Panel(
            "Lag of the lane",
            "Age of the oldest record of each topic that the lane has not processed, seen from "
            "outside, also while none of its workers lives; and as they see it.",
            "s",
            {
                "{{topic}}": worst("points_pipeline_lag_seconds", "topic", 'pipeline="notices"'),
                "its workers: {{topic}}": of_kind(worst("points_lag_seconds", "topic"), "notices"),
            },
            width=12,
        ),
        Panel(
            "Records of the lane",
            "Records a second by what became of them, and those sent to the lane's dead-letter "
            "topic.",
            "ops",
            {
                "{{outcome}}": of_kind(
                    rate("points_processed_records_total", "outcome"), "notices"
                ),
                "to the dead letters": of_kind(rate("points_dead_letters_total"), "notices-send"),
            },
            width=12,
        ),
    ],
)
_PROVIDERS: Final = Row(
    "Providers",
    [
        Panel(
            "Answers take",
            "Median and 99th percentile of all providers together.",
            "s",
            quantiles("points_notices_provider_seconds"),
        ),
        Panel(
            "Answers by provider",
            "Answers a second, good or bad.",
            "ops",
            {"{{provider}}": rate("points_notices_provider_seconds_count", "provider")},
        ),
        Panel(
            "Breaker open",
            "1 while nothing is handed to a provider: it does not let us in, fails, or an operator "
            "paused it; `shops`: how many have a sender or a gateway that it takes nothing from.",
            "short",
            {
                "{{provider}}: {{why}}": worst("points_notices_breaker_open", "provider, why"),
                "{{provider}}: shops": worst("points_notices_shops_left_alone", "provider"),
            },
        ),
        Panel(
            "Meter differs",
            "Parts by the provider's count less parts by ours, of this month so far.",
            "short",
            {"{{provider}}": worst("points_notices_meter_difference", "provider")},
        ),
    ],
)
ROWS: Final = (_TELLING, _WAITING, _PROVIDERS)
