"""Builds orders in upstream's full shape and size (11 to 13 KB of JSON), with invented values.

The workers read perhaps forty of its fields; the point of the others is that they must be skipped,
as on real topics.
"""

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = dict[str, Any]

WORDS = (
    "ceramic",
    "linen",
    "oolong",
    "cedar",
    "harbour",
    "amber",
    "quiet",
    "morning",
    "paper",
    "ginger",
    "slate",
    "cotton",
)
NAMES_ZH = (
    "茶葉禮盒",
    "手工陶杯",
    "亞麻桌巾",
    "香氛蠟燭",
    "棉質上衣",
    "木製托盤",
    "蜂蜜蛋糕",
    "環保水壺",
)


@dataclass(slots=True)
class Draft:
    """What the stream decides about an order; everything else in it is filler."""

    order_id: str
    merchant_id: str
    member_id: str
    option: str
    subtotal: int
    discount: int
    created_at: datetime

    @property
    def base(self) -> int:
        """The amount that earns: item subtotal less order discount, in minor units.

        See rules.md 1.2.
        """
        return self.subtotal - self.discount


def money(cents: int) -> Json:
    """An amount in TWD as upstream writes it: `cents` are whole dollars, without a fraction."""
    label = f"NT${cents:,}" if cents else ""
    return {
        "cents": cents,
        "currency_symbol": "NT$",
        "currency_iso": "TWD",
        "label": label,
        "dollars": float(cents),
    }


def iso(instant: datetime) -> str:
    """Upstream's form of an instant, with milliseconds and offset."""
    return instant.isoformat(timespec="milliseconds")


def object_id(draw: random.Random, seconds: int) -> str:
    """24 hexadecimal digits that start with a time, as upstream's ids do."""
    return f"{seconds:08x}{draw.getrandbits(64):016x}"


def order_resource(draft: Draft, draw: random.Random) -> Json:
    """A new order: pending, nothing shipped.

    The stream changes statuses and times for later records.
    """
    at, seconds = iso(draft.created_at), int(draft.created_at.timestamp())
    total = draft.base + 60
    return {
        "id": draft.order_id,
        "order_number": f"{draft.created_at:%Y%m%d%H%M%S}{draw.randrange(1000):03d}",
        "system_order_number": f"{draft.created_at:%Y%m%d%H%M%S}{draw.randrange(1000):03d}",
        "merchant_order_number": None,
        "status": "pending",
        "order_remarks": "",
        "order_payment": _payment(draw, seconds, total, at),
        "order_delivery": _delivery(draft, draw, seconds, at),
        "delivery_address": _address(draw),
        "delivery_data": _delivery_data(draw),
        "cart_attributes": {
            "cart_id": f"{draw.getrandbits(128):032x}",
            "affiliate_data": {},
            "shop_session_id": "",
        },
        "customer_id": draft.member_id,
        "customer_name": f"Customer {draw.randrange(10_000)}",
        "customer_email": f"customer{draw.randrange(10_000)}@example.com",
        "customer_phone": "0900000000",
        "customer_phone_country_code": "886",
        "customer_info": {"gender": "", "birthday": None, "birth_year": None, "custom_data": []},
        "currency_iso": "TWD",
        "subtotal": money(draft.subtotal),
        "order_discount": money(draft.discount),
        "user_credit": money(0),
        "total_tax_fee": money(0),
        "total": money(total),
        "order_points": 0,
        "order_points_to_cash": money(0),
        "invoice": _invoice(),
        "invoices": [],
        "subtotal_items": _items(draft, draw, seconds),
        "promotion_items": [_promotion_item(draft, draw, seconds, at)],
        "custom_data": [],
        "custom_discount_items": [],
        "affiliate_data": {},
        "ref_order_id": "",
        "ref_customer_id": "",
        "channel": {},
        "parent_order_id": "",
        "child_order_ids": [],
        "split_at": None,
        "confirmed_at": None,
        "created_from": "shop",
        "created_by": "shop",
        "updated_at": at,
        "created_at": at,
        "edited_at": None,
        "skip_fulfillment": False,
        "utm_data": {
            "utm_source": draw.choice(WORDS),
            "utm_campaign": f"{draw.choice(WORDS)}-{draw.choice(WORDS)}",
        },
        "ga_tracked": False,
        "order_comments": [],
        "order_notes": [
            {"owner_type": "Merchant", "value": " ".join(draw.choices(WORDS, k=9)), "time": at}
        ],
        "payment_slips": [],
        "order_source": {
            "id": object_id(draw, seconds),
            "type": "storefront",
            "source_id": None,
            "name": None,
        },
        "tags": [],
        "inclusive_tax_info": {},
        "cart_page_id": None,
        "is_guest_checkout": False,
        "applied_tax_info": {"sales": {}, "delivery": {}},
        "default_warehouse_id": None,
        "return_from_order_id": None,
        "membership_tier_data": _tier(draft, draw, seconds, at),
        "product_subscription_period": None,
        "checkout_object_data": {
            "_id": object_id(draw, seconds),
            "number": f"C{draw.randrange(10**17):017d}",
            "current_total": money(total),
            "order_ids": [draft.order_id],
        },
    }


def _payment(draw: random.Random, seconds: int, total: int, at: str) -> Json:
    return {
        "id": object_id(draw, seconds),
        "payment_method_id": object_id(draw, seconds),
        "payment_type": "credit_card",
        "name_translations": {"en": "Credit Card", "zh-hant": "信用卡"},
        "status": "completed",
        "payment_fee": money(0),
        "total": money(total),
        "paid_at": at,
        "updated_at": at,
        "created_at": at,
        "payment_data": {},
        "last_four_digits": "",
        "ref_payment_id": None,
        "payment_slips_setting": {"enabled": False, "days_of_guest_view": 1},
    }


def _delivery(draft: Draft, draw: random.Random, seconds: int, at: str) -> Json:
    return {
        "id": object_id(draw, seconds),
        "delivery_option_id": object_id(draw, seconds),
        "platform": draft.option,
        "status": "pending",
        "delivery_status": "pending",
        "name_translations": {"en": "", "zh-hant": "台灣本島（下單後 1~5 個工作天內出貨）"},
        "total": money(60),
        "shipped_at": None,
        "arrived_at": None,
        "collected_at": None,
        "returned_at": None,
        "updated_at": at,
        "remark": None,
        "request_accepted_at": None,
        "request_authorized_at": None,
        "request_submitted_at": None,
        "requested_fmt_at": None,
        "require_expired_upload": False,
        "require_storeclosed_upload": False,
        "return_order_id": None,
        "store_closed_at": None,
        "storeclosed_upload_at": None,
        "exp_type": None,
        "delivery_type": draft.option,
        "requires_customer_address": True,
    }


def _address(draw: random.Random) -> Json:
    return {
        "country_code": "TW",
        "country": "台灣",
        "city": f"City {draw.randrange(30)}",
        "state": None,
        "postcode": f"{draw.randrange(1000):03d}",
        "address_1": f"{draw.randrange(1, 400)} {draw.choice(WORDS).title()} Road",
        "address_2": f"District {draw.randrange(40)}",
        "key": None,
        "layer1": None,
        "layer2": None,
        "layer3": None,
        "district": None,
        "logistic_codes": [],
        "recipient_name": f"Recipient {draw.randrange(10_000)}",
        "recipient_phone": "0900000000",
        "recipient_phone_country_code": "886",
        "remarks": None,
    }


def _delivery_data(draw: random.Random) -> Json:
    return {
        "location_code": None,
        "location_name": None,
        "location_short_name": None,
        "name_translations": {"zh-hant": "宅配"},
        "store_address": None,
        "url": f"https://carrier.example/track?number={draw.randrange(10**12):012d}",
        "tracking_number": f"{draw.randrange(10**12):012d}",
        "scheduled_delivery_date": None,
        "time_slot_key": "任何時段",
        "time_slot_translations": None,
        "instore_pickup": False,
        "target_channel_id": None,
        "store_address_detail": {},
    }


def _invoice() -> Json:
    blank = (
        "tax_id",
        "mailing_address",
        "buyer_name",
        "carrier_number",
        "invoice_number",
        "invoice_status",
    )
    return dict.fromkeys(blank, "") | {
        "invoice_type": "0",
        "carrier_type": "0",
        "invoice_date": None,
    }


def _items(draft: Draft, draw: random.Random, seconds: int) -> list[Json]:
    """Two or three lines, with a set of child products when two.

    Their totals add up to the subtotal.
    """
    count = draw.choice((2, 2, 3))
    share, rest = divmod(draft.subtotal, count)
    totals = [share + rest] + [share] * (count - 1)
    children = 2 if count == 2 else 0
    return [
        _item(draw, seconds, total, children if line == 0 else 0)
        for line, total in enumerate(totals)
    ]


def _item(draw: random.Random, seconds: int, total: int, children: int) -> Json:
    title = f"【{draw.choice(NAMES_ZH)}】{draw.choice(NAMES_ZH)}"
    item: Json = {
        "id": object_id(draw, seconds),
        "item_type": "ProductSet" if children else "Product",
        "item_data": _item_data(draw, seconds, total, children),
        "item_id": object_id(draw, seconds),
        "item_variation_id": "",
        "item_variation_key": "",
        "item_price": money(total),
        "price": money(total + 50),
        "price_sale": money(total),
        "cost": money(0),
        "ref_data": None,
        "media": {
            "images": {
                "original": {
                    "url": f"https://img.example/{draw.getrandbits(96):024x}.jpg",
                    "width": 800,
                    "height": 800,
                }
            }
        },
        "product_subscription_id": None,
        "title_translations": {"zh-hant": title},
        "fields_translations": {},
        "sku": f"{draw.choice(WORDS)}-{draw.randrange(1000):03d}",
        "is_preorder": False,
        "preorder_note_translations": {},
        "quantity": 1,
        "total": money(total),
        "order_discounted_price": money(total // 10),
        "discounted_price": None,
        "created_by": "admin",
        "object_data": {
            "gender": "unisex",
            "age_group": "all_ages",
            "adult": "no",
            "condition": "new",
            "status": "active",
            "cart_tag_id": object_id(draw, seconds),
            "weight": 0.0,
            "barcode_type": "Code 128",
            "max_order_quantity": -1,
            "gtin": f"{draw.randrange(10**12):012d}",
        },
    }
    if children:
        item["child_products"] = [_child(draw, seconds, title) for _ in range(children)]
    return item


def _item_data(draw: random.Random, seconds: int, total: int, children: int) -> Json:
    promotion = object_id(draw, seconds)
    return {
        "cart_item_id": f"{draw.getrandbits(128):032x}",
        "promotion_id": "",
        "parent_item_ids": [],
        "triggering_item_id": "",
        "order_promotion_items": {},
        "order_discounted_price": money(total // 10),
        "applied_order_promotion_discounts": [
            {"promotion_id": promotion, "discount": money(total // 10)}
        ],
        "is_exclude_promotion": False,
        "is_exclude_user_credit": False,
        "is_exclude_member_point": False,
        "has_exclude_promotion_tag": False,
        "custom_discounted_amount": money(0),
        "custom_discounted_amount_items": [],
        "user_credit_ratio_amount": money(0),
        "selected_child_products": [
            {
                "child_product_id": object_id(draw, seconds),
                "child_variation_id": object_id(draw, seconds),
                "quantity": draw.randrange(1, 6),
                "stock_id": "",
            }
            for _ in range(children)
        ],
    }


def _child(draw: random.Random, seconds: int, title: str) -> Json:
    price = draw.randrange(50, 400)
    return {
        "title_translations": {"zh-hant": title},
        "weight": 0.0,
        "id": object_id(draw, seconds),
        "variation_id": object_id(draw, seconds),
        "fields_translations": {"en": [""], "zh-hant": [f"{draw.choice(NAMES_ZH)}（兩入）"]},
        "price": {"cents": float(price), "currency_iso": "TWD", "label": f"NT${price}"},
        "price_sale": money(0),
        "sku": f"{draw.choice(WORDS)}-{draw.randrange(1000):03d}",
    }


def _promotion_item(draft: Draft, draw: random.Random, seconds: int, at: str) -> Json:
    promotion = object_id(draw, seconds)
    empty_lists = (
        "available_channel_ids",
        "banner_media_ids",
        "codes",
        "discountable_category_ids",
        "discountable_product_ids",
    )
    nothing = (
        "addon_product_id",
        "coupon_type",
        "discount_amount",
        "discountable_quantity",
        "discounted_point",
        "end_at",
        "seo_keywords",
        "start_at",
    )
    translated = ("description", "seo_description", "seo_title", "term", "title")
    off = (
        "first_purchase_only",
        "for_affiliate_campaign",
        "is_accumulated",
        "multiple_code",
        "requires_membership",
        "show_coupon",
        "is_extend_promotion",
    )
    return {
        "id": object_id(draw, seconds),
        "discountable_amount": None,
        "discounted_amount": money(draft.discount),
        "subtotal_after": money(draft.base),
        "promotion": {
            "_id": promotion,
            "available_platforms": ["ec", "retail"],
            "created_at": at,
            "discount_on": "order",
            "discount_percentage": 10.0,
            "discount_type": "percentage",
            "membership_tier_id": object_id(draw, seconds),
            "merchant_id": draft.merchant_id,
            "min_price_type": "subtotal",
            "seo_enabled": True,
            "status": "hidden",
            "updated_at": at,
            "use_count": draw.randrange(1000),
            "coupon_code": "",
            "id": promotion,
            **{key: [] for key in empty_lists},
            **dict.fromkeys(nothing),
            **{f"{key}_translations": {} for key in translated},
            **dict.fromkeys(off, False),
        },
        "updated_at": at,
        "created_at": at,
        "item_data": None,
        "promotion_conditions_data": [],
        "coupon_code": None,
    }


def _tier(draft: Draft, draw: random.Random, seconds: int, at: str) -> Json:
    return {
        "_id": object_id(draw, seconds),
        "coupon_ids": [],
        "created_at": at,
        "level": draw.randrange(1, 5),
        "merchant_id": draft.merchant_id,
        "name_translations": {"zh-hant": draw.choice(NAMES_ZH)},
        "status": "active",
        "updated_at": at,
    }
