"""Feeds as files: encodings, headers, lines that cannot be read (reliability 4.1, flat-files 1, 3.1, 5.1)."""

import io
import tracemalloc
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cancellations.words import Reason
from feeds.parsers import MOST_LINES, AdjustRow, BadRow, CancelRow, FeedFile, Kind, ShipRow, Unreadable, columns_of
from payments.rules import RefundReason

TOKYO = ZoneInfo("Asia/Tokyo")
HEAD = "order-id\tcancellation-reason-code\tamazon-order-item-code"
NUMBER, ITEM = "250-1234567-1234567", "05015851154158"
LINE = f"{NUMBER}\tBuyerCanceled\t{ITEM}"
TEMPLATE = "TemplateType=OrderCancellation\tVersion=1.0/1.0.3\tDo not modify or delete this row."
ROW = CancelRow(0, NUMBER, ITEM, Reason.BUYER_CANCELED)


def read(content: bytes | str, kind: Kind = Kind.CANCELLATION) -> FeedFile:
    """A feed of these bytes."""
    return FeedFile(io.BytesIO(content.encode() if isinstance(content, str) else content), kind, zone=TOKYO)


def refused(content: bytes | str, kind: Kind = Kind.CANCELLATION) -> Unreadable:
    """Why these bytes are no feed."""
    with pytest.raises(Unreadable) as error:
        read(content, kind)
    return error.value


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\n{LINE}\n",
        f"{TEMPLATE}\n{HEAD}\n{LINE}\n",
        f"{TEMPLATE}\n注文番号\t理由\t注文商品番号\n{HEAD}\n{LINE}",
        f"{TEMPLATE.replace(chr(9), '  ')}\n{HEAD}\n{LINE}\n",
        f"\n\n{HEAD}\t\t\n\n{LINE}\t\t\n \t \n",
        f"amazon-order-item-code\tORDER-ID \tnotes\tCancellation-Reason-Code\n{ITEM}\t{NUMBER}\tx\tBuyerCanceled\n",
        f"order-id\tmerchant-order-id\tcancellation-reason-code\torder-item-code\n{NUMBER}\t\tBuyerCanceled\t{ITEM}\n",
        f"{HEAD}\n ２５０-1234567-1234567\u200b\tbuyercanceled\t{ITEM[1:]}\n",
    ],
    ids=[
        "plain",
        "template",
        "labels",
        "spaces",
        "blank lines",
        "order and case",
        "old version",
        "odd characters",
    ],
)
def test_b05_b10_b18_layouts_of_tools_and_spreadsheets_are_read(text):
    for end in ("\n", "\r\n", "\r"):
        assert read(text.replace("\n", end)).rows == [ROW]


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("cp932", "cp932"), ("utf-16", "utf-16")],
)
def test_b05_b06_encodings_of_japanese_programs_are_told_apart(encoding, named):
    text = f"見出し①㈱髙～\n{HEAD}\n{NUMBER}\t購入者によるキャンセル\t{ITEM}\n"
    file = read(text.encode(encoding))
    assert (file.encoding, file.rows) == (named, [ROW])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "FEED_EMPTY"),
        (b"\n \n\t\n", "FEED_EMPTY"),
        (HEAD.encode() + b"\n\n", "FEED_EMPTY"),
        (f"{HEAD}\n{NUMBER}\t在庫切れでした\t\n".encode("euc_jp"), "FEED_ENCODING"),
        (f"{HEAD}\n{NUMBER}\t在庫切れ\t\n".encode("iso2022_jp"), "FEED_ENCODING"),
        (f"{HEAD}\n{NUMBER}\t在庫切れ".encode()[:-1], "FEED_ENCODING"),
        (HEAD.encode() + b"\n\0\n", "FEED_BINARY"),
        (b"PK\x03\x04" + b"x" * 100, "FEED_NOT_TEXT"),
        (b"\x1f\x8b\x08", "FEED_NOT_TEXT"),
        (b"<html><body>x", "FEED_NOT_TEXT"),
        (b"\x89PNG\r\n", "FEED_NOT_TEXT"),
        (f"{HEAD}\n{LINE}\n".replace("\t", ",").encode(), "FEED_DELIMITER"),
        (f"{HEAD}\n{LINE}\n".replace("\t", ";").encode(), "FEED_DELIMITER"),
        (f"order-id\treason\n{LINE}\n".encode(), "FEED_HEADER"),
        (f"{HEAD}\torder-id\n{LINE}\t\n".encode(), "FEED_HEADER"),
        (f"注文番号\t理由\n{LINE}\n".encode(), "FEED_HEADER"),
        (TEMPLATE.replace("OrderCancellation", "OrderFulfillment").encode() + b"\n", "FEED_TYPE"),
        (b"order-id\torder-item-id\tship-date\n1\t2\t3\n", "FEED_TYPE"),
    ],
)
def test_b01_b07_to_b11_what_is_no_feed_is_refused_with_its_reason(content, code):
    assert refused(content).code == code


def test_b03_more_lines_than_a_feed_may_have_are_refused_while_they_are_counted():
    assert len(read(f"{HEAD}\n" + f"{LINE}\n" * MOST_LINES).rows) == MOST_LINES
    error = refused(f"{HEAD}\n" + f"{LINE}\n" * (MOST_LINES + 1))
    assert (error.code, error.facts) == ("FEED_TOO_MANY_LINES", {"limit": MOST_LINES})


def test_b04_an_endless_line_is_refused_by_its_number_and_never_held():
    content = io.BytesIO(f"{HEAD}\n{LINE}\n".encode() + b"x" * 9_900_000)
    tracemalloc.start()
    with pytest.raises(Unreadable) as error:
        FeedFile(content, Kind.CANCELLATION, zone=TOKYO)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (error.value.code, error.value.facts["line"]) == ("LINE_TOO_LONG", 3)
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (NUMBER, "COLUMN_COUNT"),
        (f"{LINE}\tmore", "COLUMN_COUNT"),
        (f"{NUMBER}\tBuyer\x07Canceled\t", "CONTROL_CHARACTER"),
        ("5.03E+18\tBuyerCanceled\t", "ORDER_ID_NOT_TEXT"),
        ("250-1234567\tBuyerCanceled\t", "ORDER_ID_FORMAT"),
        (f"{NUMBER}\tBuyerCanceled\tABC", "ITEM_ID_FORMAT"),
        (f"{NUMBER}\tBuyerCanceled\t9.35526E+13", "NUMBER_NOT_TEXT"),
        (f"{NUMBER}\t\t{ITEM}", "REASON_REQUIRED"),
        (f"{NUMBER}\tBecause\t{ITEM}", "REASON_UNKNOWN"),
    ],
)
def test_b08_b12_b18_b19_a_bad_line_is_refused_alone_with_what_stood_there(line, code):
    bad, good = read(f"{HEAD}\n{line}\n{LINE}\n").rows
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.code) == (2, code)
    assert good == ROW


def test_unknown_columns_are_named_and_known_ones_without_meaning_passed_over():
    file = read(f"{HEAD}\tnotes\tmerchant-order-id\n{LINE}\thello\tM-1\n")
    assert (file.ignored, file.rows) == (["notes"], [ROW])


def test_money_of_an_adjustment_is_added_up_less_promotions():
    head = "\t".join(columns_of(Kind.ADJUSTMENT))
    cells = {
        "order-id": NUMBER,
        "order-item-id": ITEM,
        "adjustment-reason-code": "customerreturn",
        "currency": "jpy",
    }
    cells |= {
        "item-price-adj": "1980",
        "item-tax-adj": "180",
        "shipping-price-adj": "500",
        "item-promotion-adj": "60",
    }
    line = "\t".join(cells.get(name, "") for name in columns_of(Kind.ADJUSTMENT))
    (row,) = read(f"{head}\n{line}\n", Kind.ADJUSTMENT).rows
    assert row == AdjustRow(2, NUMBER, ITEM, Reason.OTHER, RefundReason.RETURN, 0, "JPY", Decimal(2600))


def test_the_japanese_template_of_shipments_is_read_with_its_days_in_the_zone():
    text = (
        "TemplateType=OrderFulfillment\tVersion=2011.1102\tこの行は変更や削除しないでください。\n"
        "注文番号\t注文商品番号\t出荷数\t出荷日\t配送業者コード\t配送業者名\tお問い合わせ伝票番号\t配送方法\t代金引換\n"
        "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\ttracking-number\tship-method"
        "\tcod-collection-method\n"
        f"{NUMBER}\t{ITEM}\t1\t2026-01-11\tYamatoTransport\t\t123456789012\t宅急便\t\n"
        f"{NUMBER}\t\t\t2026-01-10T16:00:00Z\tOther\t見本運輸\t987654321\t\t\n"
    )
    text += (
        f"{NUMBER}\t\t\t2026/1/11\tOther\t見本運輸\t1.23457E+11\t\t\n{NUMBER}\t\t\t2026/1/11\tYAMATO\t\t1\t\t\n"
    )
    first, second, third, fourth = read(text.encode("cp932"), Kind.SHIPMENT).rows
    assert (third.code, fourth.shipped_on) == ("NUMBER_NOT_TEXT", date(2026, 1, 11))
    assert first == ShipRow(4, NUMBER, ITEM, 1, date(2026, 1, 11), "ヤマト運輸", "123456789012", True, False)
    assert second == ShipRow(5, NUMBER, "", None, date(2026, 1, 11), "見本運輸", "987654321", False, False)


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_bytes_at_all_raise_anything_but_unreadable(kind, data):
    cells = st.sampled_from(
        [NUMBER, ITEM, "BuyerCanceled", "JPY", "1", "-1", "2026-01-11", "Other", "", "=1+1", "\u202e"]
    )
    line = st.lists(st.one_of(cells, st.text(max_size=12)), max_size=16).map("\t".join)
    body = st.lists(line, max_size=6).map("\n".join)
    head = "\t".join(columns_of(kind))
    content = data.draw(st.one_of(st.binary(max_size=300), body.map(lambda text: f"{head}\n{text}".encode())))
    try:
        rows = read(content, kind).rows
    except Unreadable:
        return
    assert rows
