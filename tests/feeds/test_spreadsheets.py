"""Files that a spreadsheet saved: LibreOffice writes them, feeds and order import read them (reliability 4.1)."""

import pytest

from feeds.parsers import Kind, columns_of, example_of
from tests import office
from tests.cast import Cast

from .conftest import HEADERS, answers
from .test_files import read, refused

NAME = "髙①㈱～運輸"


@pytest.mark.parametrize("charset", [office.UTF_8, office.UTF_16, office.CP932])
def test_a_spreadsheet_saved_as_text_confirms_shipments_whatever_its_encoding(
    cast: Cast, carried_out, tmp_path, charset
):
    order = cast.order(2)
    item = order.items.get()
    head = HEADERS[Kind.SHIPMENT].split("\t")
    line = [order.number, item.item_id, 2, "2026-07-01", "Other", NAME, "1234-5678", "宅配便", ""]
    feed = carried_out(Kind.SHIPMENT, content=office.saved_as_text(tmp_path, [head, line], charset=charset))
    assert answers(feed) == [("DONE", "")]
    assert order.shipments.get().carrier == NAME


@pytest.mark.parametrize("kind", Kind)
def test_the_sample_of_every_kind_comes_back_from_a_spreadsheet_as_it_was(kind, tmp_path):
    sample = "".join("\t".join(cells) + "\r\n" for cells in (columns_of(kind), example_of(kind)))
    again = office.opened_and_saved(tmp_path, ("\ufeff" + sample).encode())
    assert read(again, kind).rows == read(sample, kind).rows


def test_an_item_number_that_a_spreadsheet_took_for_a_number_is_still_found(cast: Cast, carried_out, tmp_path):
    order = cast.order(1)
    head = HEADERS[Kind.CANCELLATION].split("\t")
    line = [order.number, "NoInventory", int(order.items.get().item_id)]
    feed = carried_out(Kind.CANCELLATION, content=office.saved_as_text(tmp_path, [head, line]))
    assert answers(feed) == [("DONE", "")]


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_b09_a_spreadsheet_that_was_not_saved_as_text_is_told_how(kind, tmp_path):
    content = office.saved_as(tmp_path, [HEADERS[Kind.CANCELLATION].split("\t")], kind)
    assert refused(content).code == "FEED_NOT_TEXT"


def test_b11_a_spreadsheet_saved_with_commas_is_told_about_tabs(tmp_path):
    head = HEADERS[Kind.CANCELLATION].split("\t")
    assert refused(office.saved_as_text(tmp_path, [head], by=office.COMMA)).code == "FEED_DELIMITER"


@pytest.mark.parametrize(
    ("above", "cell"),
    [('"注文,番号"\tx\n', '"ABC"'), ("", '"ABC"'), ('"TemplateType=OrderCancellation"\n', '"ABC"')],
    ids=["below quoted labels", "alone", "below a quoted template line"],
)
def test_quotes_below_a_header_without_them_belong_to_the_cell(above, cell):
    line = ["250-1234567-1234567", "05015851154158", "1", "2026-07-01", "Other", cell, '"A', '12"', ""]
    (row,) = read(f"{above}{HEADERS[Kind.SHIPMENT]}\n" + "\t".join(line) + "\n", Kind.SHIPMENT).rows
    assert (row.carrier, row.tracking_number) == ('"ABC"', '"A')


def test_quotes_that_no_spreadsheet_put_around_every_text_are_ordinary_characters():
    line = '250-1234567-1234567\tBuyerCanceled\t"05015851154158"'
    (row,) = read(f"{HEADERS[Kind.CANCELLATION]}\n{line}\n").rows
    assert (row.code, row.item_id) == ("ITEM_ID_FORMAT", '"05015851154158"')


def test_a_quoted_line_that_does_not_end_is_refused_alone():
    head = "\t".join(f'"{name}"' for name in HEADERS[Kind.CANCELLATION].split("\t"))
    good = '"250-1234567-1234567"\t"BuyerCanceled"\t"05015851154158"'
    broken = '"250-1234567-1234568"\t"Buyer'
    first, second = read(f"{head}\n{good}\n{broken}\n").rows
    assert first.item_id == "05015851154158"
    assert second.code == "COLUMN_COUNT"
