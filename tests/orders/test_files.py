"""Reading order files: encodings, headers, lines. What cannot be read says why; nothing else is ever raised."""

import io
import re
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.files import BadLine, Layout, OrderFile, Row, Said, Unreadable
from tests.orders.order_files import (
    ALL_ORDERS,
    SECOND,
    UNSHIPPED,
    USUAL,
    actionable,
    all_orders,
    text,
    unshipped,
)

DATA = Path(__file__).parent.parent / "data"


def read(content: bytes, encoding: str = "auto") -> list[Row | BadLine]:
    file = OrderFile(io.BytesIO(content), encoding=encoding)
    return [file.read(line, content) for line, content in file.lines()]


def row(content: bytes) -> Row:
    (only,) = read(content)
    assert isinstance(only, Row), only
    return only


def why(content: bytes) -> tuple[str, str]:
    (only,) = read(content)
    assert isinstance(only, BadLine), only
    return only.code, only.detail


def refusal(content: bytes, encoding: str = "auto") -> Unreadable:
    with pytest.raises(Unreadable) as raised:
        read(content, encoding)
    return raised.value


# --- encodings --------------------------------------------------------------------------------------------

HARD = {"product-name": "①㈱髙﨑～ 植木鉢", "recipient-name": "髙﨑 遥"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_text_of_windows_and_of_the_web_reads_the_same(encoding):
    content = text(UNSHIPPED, HARD)
    file = OrderFile(io.BytesIO(content.encode(encoding)))
    assert file.encoding == encoding
    assert [file.read(*line).title for line in file.lines()] == ["①㈱髙﨑～ 植木鉢"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_is_fine_and_the_last_one_may_be_missing(end):
    content = text(UNSHIPPED, {}, SECOND).replace("\n", end).removesuffix(end)
    assert [answer.line for answer in read(content.encode())] == [2, 3]


def test_mixed_line_ends_and_blank_lines_keep_the_numbers_of_lines():
    lines = text(UNSHIPPED, {}, SECOND).split("\n")
    content = f"{lines[0]}\r\n\r\n{lines[1]}\n\t\t\n{lines[2]}\r"
    assert [answer.line for answer in read(content.encode())] == [3, 5]


@pytest.mark.parametrize(
    ("_case", "content", "code"),
    [
        ("EUC-JP", text(UNSHIPPED, {}).encode("euc_jp"), "FEED_ENCODING"),
        ("ISO-2022-JP", text(UNSHIPPED, {}).encode("iso2022_jp"), "FEED_ENCODING"),
        ("half-width kana alone", text(UNSHIPPED, {"product-name": "x"} | dict.fromkeys(
            ["buyer-name", "recipient-name", "ship-address-1", "ship-city", "ship-state"], "ﾊﾙｶ")).encode("cp932"),
         "FEED_ENCODING"),
        ("Latin-1", text(UNSHIPPED, dict.fromkeys(USUAL, "é ")).encode("latin-1"), "FEED_ENCODING"),
        ("half a character", unshipped({}) + "鉢".encode()[:2], "FEED_ENCODING"),
        ("broken after a mark", b"\xef\xbb\xbf" + b"\xff", "FEED_ENCODING"),
        ("NUL", unshipped({"sku": "a\0b"}), "FEED_BINARY"),
        ("UTF-16 without a mark", text(UNSHIPPED, {"product-name": "x"}).encode("utf-16-le"), "FEED_ENCODING"),
        ("a workbook", b"PK\x03\x04" + bytes(100), "FEED_NOT_TEXT"),
        ("a page", b" <!DOCTYPE html><title>x</title>", "FEED_NOT_TEXT"),
        ("nothing", b"", "FEED_EMPTY"),
        ("blank lines", b"\r\n \r\n\t\r\n", "FEED_EMPTY"),
        ("only a header", text(UNSHIPPED).encode(), "FEED_EMPTY"),
        ("commas", unshipped({}).replace(b"\t", b","), "FEED_DELIMITER"),
        ("semicolons", unshipped({}).replace(b"\t", b";"), "FEED_DELIMITER"),
        ("some other table", b"name\tage\nharuka\t30\n", "FEED_HEADER"),
        ("one long line", unshipped({"product-name": "x" * 40_000}), "LINE_TOO_LONG"),
    ],
)  # fmt: skip
def test_what_is_no_order_file_is_refused_as_a_whole(_case, content, code):
    assert refusal(content).code == code


def test_an_encoding_that_was_asked_for_is_not_guessed():
    kana = text(UNSHIPPED, dict.fromkeys(["buyer-name", "recipient-name"], "ﾊﾙｶ") | {"sku": "x"})
    assert read(kana.encode("cp932"), "cp932")[0].buyer_name == "ﾊﾙｶ"
    assert refusal(kana.encode("cp932"), "utf-8").code == "FEED_ENCODING"


def test_a_refused_encoding_says_where():
    content = unshipped({})
    assert refusal(content + b"\xff\xff").facts["position"] == len(content)


# --- headers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layout", "ignored"),
    [
        ("unshipped_utf8_bom.txt", Layout.UNSHIPPED, []),
        ("actionable_cp932.txt", Layout.ACTIONABLE, []),
        ("all_orders_cp932.txt", Layout.ALL_ORDERS, []),
    ],
)
def test_the_layout_is_known_by_its_header(name, layout, ignored):
    with (DATA / name).open("rb") as content:
        file = OrderFile(content)
        assert (file.layout, file.ignored) == (layout, ignored)
        assert all(isinstance(file.read(*line), Row) for line in file.lines())


def test_columns_stand_in_any_order_and_case_and_labels_may_stand_above():
    columns = [f" {name.upper()} " for name in reversed(UNSHIPPED)]
    labels = "\t".join("列" for _ in columns)
    values = "\t".join(USUAL[name] for name in reversed(UNSHIPPED))
    content = f"{labels}\n" + "\t".join(columns) + f"\n{values}\n"
    assert read(content.encode()) == read(unshipped({}))


def test_unknown_columns_are_named_and_those_of_the_layout_are_not():
    file = OrderFile(io.BytesIO(text([*UNSHIPPED, "is-prime", "shoe-size"], {}).encode()))
    assert file.ignored == ["shoe-size"]


@pytest.mark.parametrize("column", ["order-id", "order-item-id", "purchase-date", "sku", "quantity-purchased"])
def test_a_missing_column_is_named(column):
    without = [name for name in UNSHIPPED if name != column]
    assert column in refusal(text(without, {}).encode()).facts["expected"]


def test_a_doubled_column_is_named():
    facts = refusal(text([*UNSHIPPED, "SKU"], {}).encode()).facts
    assert (facts["found"], facts["expected"]) == ("sku", "sku")


def test_optional_columns_may_be_missing():
    columns = ["order-id", "order-item-id", "purchase-date", "sku", "product-name", "quantity-purchased"]
    read_row = row(text(columns, {}).encode())
    assert (read_row.item_price, read_row.buyer_email, read_row.recipient) == (None, "", {})


# --- lines ------------------------------------------------------------------------------------------------


def test_a_line_is_read():
    assert row(unshipped({})) == Row(
        line=2,
        number="249-0000001-0000001",
        item_id="00000000000011",
        sku="POT-T5",
        title="素焼き鉢 5号",
        quantity=2,
        said=Said.OPEN,
        shipped=0,
        placed_at=datetime(2026, 6, 30, 1, 0, tzinfo=UTC),
        paid_at=None,
        ship_by=None,
        reported_at=None,
        buyer_email="haruka@buyer.example",
        buyer_name="森下 遥",
        recipient={
            "name": "森下 遥",
            "line1": "見本町12-3",
            "city": "京都市",
            "state": "京都府",
            "postal_code": "604-0000",
            "country": "JP",
        },
        service_level="",
        payment_method="",
        by_marketplace=False,
        currency="JPY",
        item_price=Decimal(2000),
        item_tax=Decimal(0),
        shipping_price=Decimal(300),
        shipping_tax=Decimal(0),
        discount=Decimal(0),
    )


def test_quotes_are_ordinary_characters():
    assert row(unshipped({"product-name": '"5号" 鉢 "'})).title == '"5号" 鉢 "'


@pytest.mark.parametrize(
    ("column", "value", "field", "expected"),
    [
        ("order-id", " ２４９-0000001-0000001 ", "number", "249-0000001-0000001"),
        ("order-id", "249\N{ZERO WIDTH SPACE}-0000001－0000001", "number", "249-0000001-0000001"),
        ("order-item-id", "12345678901", "item_id", "00012345678901"),
        ("quantity-purchased", "３", "quantity", 3),
        ("item-price", "1980.00", "item_price", Decimal(1980)),
        ("item-price", "", "item_price", None),
        ("purchase-date", "2026-06-30T01:00:00Z", "placed_at", datetime(2026, 6, 30, 1, tzinfo=UTC)),
        ("buyer-email", "Haruka@Buyer.Example", "buyer_email", "haruka@buyer.example"),
        ("product-name", "鉢\N{RIGHT-TO-LEFT OVERRIDE}植木", "title", "鉢植木"),
        ("product-name", "鉢🪴", "title", "鉢🪴"),
    ],
)
def test_what_people_type_is_understood(column, value, field, expected):
    assert getattr(row(unshipped({column: value})), field) == expected


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("order-id", "", "VALUE_MISSING"),
        ("order-id", "249-0000001", "ORDER_ID_FORMAT"),
        ("order-id", "2.50E+17", "ORDER_ID_NOT_TEXT"),
        ("order-item-id", "123", "ITEM_ID_FORMAT"),
        ("order-item-id", "", "VALUE_MISSING"),
        *(
            ("quantity-purchased", value, "QUANTITY_FORMAT")
            for value in ("-1", "0", "1.5", "1e3", "1_000", "9" * 11, "9" * 5000, "", "NaN", "=1+1", "一")
        ),
        *(("item-price", value, "AMOUNT_FORMAT") for value in ("-1", "0.5", "1,980", "¥1980", "9" * 9, "1e3")),
        ("currency", "yen", "CURRENCY"),
        *(
            ("purchase-date", value, "DATE_FORMAT")
            for value in ("2026-02-30T00:00:00Z", "2026/6/30", "26-7-1", "2026-06-30T10:00:00", "1899-12-31T00:00:00Z")
        ),
        ("purchase-date", "", "VALUE_MISSING"),
        ("sku", "", "VALUE_MISSING"),
        ("sku", "x" * 81, "TEXT_TOO_LONG"),
        ("product-name", "鉢" * 501, "TEXT_TOO_LONG"),
        ("buyer-email", "haruka", "EMAIL_FORMAT"),
        ("ship-country", "Japan", "COUNTRY_FORMAT"),
        ("product-name", "鉢\x1b[31m", "CONTROL_CHARACTER"),
        ("product-name", "鉢\ue000", "UNREADABLE_CHARACTER"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_says_why(column, value, code):
    assert why(unshipped({column: value}))[0] == code


def test_too_few_and_too_many_cells_are_counted_but_empty_ones_at_the_end_are_fine():
    content = text(UNSHIPPED, {}).removesuffix("\n")
    assert why(f"{content}\tmore\n".encode()) == ("COLUMN_COUNT", "18 / 17")
    assert why(content.rpartition("\t")[0].encode()) == ("COLUMN_COUNT", "16 / 17")
    assert row(f"{content}\t\t\n".encode()).number == USUAL["order-id"]


def test_what_is_quoted_from_a_file_moves_no_cursor():
    (bad,) = read(unshipped({"order-id": "\x1b[31m249" + "9" * 100}))
    assert bad.number.isprintable()
    assert len(bad.number) == 60


@pytest.mark.parametrize(
    ("order_status", "item_status", "quantity", "expected"),
    [
        ("Unshipped", "Unshipped", "2", (Said.OPEN, 2, 0)),
        ("Shipping", "", "2", (Said.OPEN, 2, 0)),
        ("Pending", "Unshipped", "2", (Said.PENDING, 2, 0)),
        ("Pending", "", "1", (Said.PENDING, 1, 0)),
        ("Shipped", "Shipped", "2", (Said.SHIPPED, 2, 2)),
        ("Shipped - Delivered to Buyer", "", "2", (Said.SHIPPED, 2, 2)),
        ("Unshipped", "Shipped", "2", (Said.SHIPPED, 2, 2)),
        ("Cancelled", "Cancelled", "0", (Said.CANCELLED, 1, 0)),
        ("Canceled", "", "", (Said.CANCELLED, 1, 0)),
        ("Unshipped", "Cancelled", "3", (Said.CANCELLED, 3, 0)),
    ],
)
def test_the_status_of_an_item_stands_before_that_of_its_order(order_status, item_status, quantity, expected):
    line = {"order-status": order_status, "item-status": item_status, "quantity": quantity}
    read_row = row(all_orders(line))
    assert (read_row.said, read_row.quantity, read_row.shipped) == expected


def test_the_layout_of_every_status_refuses_what_it_does_not_know():
    assert why(all_orders({"item-status": "Lost"})) == ("STATUS_UNKNOWN", "item-status: Lost")
    assert why(all_orders({"quantity": "0"}))[0] == "QUANTITY_FORMAT"


def test_prices_of_cancelled_lines_are_nothing_and_discounts_are_taken_off_with_or_without_a_minus():
    cancelled = row(all_orders({"item-status": "Cancelled", "quantity": "0", "item-price": ""}))
    assert cancelled.item_price == 0
    for value in ("100", "-100"):
        assert row(all_orders({"item-promotion-discount": value})).discount == 100
    assert why(all_orders({"item-promotion-discount": "2001"}))[0] == "AMOUNT_FORMAT"


def test_the_marketplace_sends_what_its_channel_says():
    assert row(all_orders({"fulfillment-channel": "Amazon"})).by_marketplace
    assert not row(all_orders({"fulfillment-channel": "Merchant"})).by_marketplace


def test_promise_dates_are_moments_or_days_and_more_cannot_be_shipped_than_was_ordered():
    assert row(actionable({"promise-date": "2026-07-03"})).ship_by == date(2026, 7, 3)
    assert row(actionable({})).ship_by == datetime(2026, 7, 3, 14, 59, 59, tzinfo=UTC)
    assert why(actionable({"quantity-shipped": "3"}))[0] == "QUANTITY_EXCEEDS_OPEN"


# --- anything at all --------------------------------------------------------------------------------------

pieces = st.one_of(
    st.sampled_from(
        [*UNSHIPPED, *ALL_ORDERS, *USUAL.values(), "\t", "\n", "\r\n", "\r", "", "３", "2.5E+17", "\x00"]
    ),
    st.text(max_size=8),
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=400), st.lists(pieces, max_size=60).map(lambda some: "\t".join(some).encode()))
)
def test_no_file_raises_anything_but_that_it_is_unreadable(content):
    with suppress(Unreadable):
        assert read(content)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from(UNSHIPPED), st.text(max_size=12), max_size=4), min_size=1, max_size=5)
)
def test_every_line_is_answered_once(lines):
    clean = [
        {key: re.sub(r"[\t\r\n\0]", " ", value).encode("utf-8", "ignore").decode() for key, value in line.items()}
        for line in lines
    ]
    assert [answer.line for answer in read(unshipped(*clean))] == list(range(2, len(lines) + 2))
