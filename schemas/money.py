"""Money is an integer in the currency's minor unit, never a float.

A wrong guess of a currency's fraction digits makes every order earn ten or a hundred times too much
or too little. So an unknown currency is refused rather than given two digits. The table is ISO
4217, except where the shop platform differs: it counts TWD without a fraction.
"""

from decimal import Decimal
from typing import Final

_NO_FRACTION: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF TWD UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"
_TWO_DIGITS: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF
CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP
MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TZS UAH USD UYU UZS VES
WST XCD YER ZAR ZMW
"""

FRACTION_DIGITS: Final[dict[str, int]] = {
    code: digits
    for digits, codes in ((0, _NO_FRACTION), (2, _TWO_DIGITS), (3, _THREE_DIGITS))
    for code in codes.split()
}


class MoneyError(ValueError):
    """An amount or a currency that cannot be read without guessing."""


def fraction_digits(currency: str) -> int:
    """How many digits after the point the currency has (TWD 0, HKD 2, KWD 3).

    Refuses unknown currencies.
    """
    try:
        return FRACTION_DIGITS[currency]
    except KeyError:
        raise MoneyError(
            "is not a known currency; use its ISO 4217 code in capitals, such as TWD or HKD"
        ) from None


def minor_units(amount: Decimal, currency: str) -> int:
    """The amount (major units) as an integer of minor units.

    Refuses more digits than the currency has.
    """
    digits = fraction_digits(currency)
    if not amount.is_finite():
        raise MoneyError("is not a number")
    if -int(amount.normalize().as_tuple().exponent) > digits:
        raise MoneyError(
            f"has more digits after the point than {currency} has ({digits}); round it"
        )
    return int(amount.scaleb(digits))
