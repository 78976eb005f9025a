"""What messages cost, and what a price table must say."""

from decimal import Decimal
from pathlib import Path

import pytest

from data.words import Channel, TemplateCategory
from invitations.prices import Prices, PricesRefused, Volume, cost_of, load_prices

OWN = """
currency = "EUR"

[[prices]]
channel = "sms"
country = "DE"
per = "segment"
price = 0.07
source = "our contract"
read_on = 2026-11-22

[[prices]]
channel = "sms"
country = "DE"
part = "carrier"
per = "message"
price = 0.01
source = "our contract"
read_on = 2026-11-22

[[prices]]
channel = "email"
country = "*"
per = "thousand"
price = 0.90
source = "our contract"
read_on = 2026-11-22
"""


def own(tmp_path: Path, text: str = OWN) -> Prices:
    file = tmp_path / "ours.toml"
    file.write_text(text)
    return load_prices(file)


def test_the_shipped_table_prices_a_text_to_the_us_with_the_carriers_fee() -> None:
    cost = cost_of([Volume(Channel.SMS, "US", None, messages=100, segments=150)], load_prices())
    assert (cost.currency, cost.total) == ("USD", Decimal("1.9200"))  # 150 x (0.0083 + 0.0045)


def test_the_shipped_table_says_of_every_price_where_it_was_read_and_when() -> None:
    assert all(row.source and row.read_on.year == 2026 for row in load_prices().prices)


def test_every_channel_has_a_price_and_whatsapp_one_by_category() -> None:
    prices = load_prices()
    assert {row.channel for row in prices.prices} == set(Channel)
    marketing = cost_of([Volume(Channel.WHATSAPP, "BR", TemplateCategory.MARKETING, 10, 0)], prices)
    utility = cost_of([Volume(Channel.WHATSAPP, "BR", TemplateCategory.UTILITY, 10, 0)], prices)
    elsewhere = cost_of([Volume(Channel.WHATSAPP, "DE", TemplateCategory.UTILITY, 10, 0)], prices)
    assert (marketing.total, utility.total, elsewhere.total) == (Decimal("0.832"), Decimal("0.135"), Decimal("0.600"))


def test_an_operators_own_table_counts_segments_messages_and_thousands(tmp_path: Path) -> None:
    cost = cost_of(
        [
            Volume(Channel.SMS, "DE", None, messages=10, segments=20),
            Volume(Channel.EMAIL, "FR", None, messages=2_500, segments=0),
        ],
        own(tmp_path),
    )
    assert cost.currency == "EUR"
    assert [charge.amount for charge in cost.charges] == [Decimal("1.50"), Decimal("2.25")]


def test_what_has_no_price_is_counted_and_not_guessed_at(tmp_path: Path) -> None:
    cost = cost_of([Volume(Channel.SMS, "FR", None, 7, 7), Volume(Channel.SMS, None, None, 2, 2)], own(tmp_path))
    assert (cost.total, cost.unpriced_messages) == (Decimal(0), 9)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('per = "segment"', 'per = "box"', "no. 1, key per: found 'box'"),
        ("price = 0.90", "price = -1", "no. 3, key price: found -1"),
        ('country = "*"', 'country = "*"\ncategory = "utility"', "only whatsapp has categories"),
        ('part = "carrier"\n', "", "a second provider price for sms DE"),
        ('currency = "EUR"', 'currency = "euro"', "key currency: found 'euro'"),
        ('source = "our contract"', "", "key source: found nothing"),
        ("[[prices]]", "[[prices", "not TOML"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_in_words(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in OWN
    with pytest.raises(PricesRefused) as refused:
        own(tmp_path, OWN.replace(old, new, 1))
    assert told in str(refused.value)
    assert "ours.toml" in str(refused.value)
