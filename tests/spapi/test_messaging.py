"""Messaging v1: what software says to a buyer stands in the talk, is mailed, and keeps to the rules of the page."""

import pytest

from events.models import Event
from messaging.models import Message
from tests.cast import Cast, told

from .conftest import Software, error_of, software_of
from .test_models import compare, models_if_there

__all__ = ["models_if_there"]

MARKET = "A1VC38T7YXB528"
TEXTS = {
    "confirmCustomizationDetails": 800,
    "confirmDeliveryDetails": 2000,
    "confirmOrderDetails": 2000,
    "confirmServiceDetails": 2000,
    "digitalAccessKey": 400,
    "unexpectedProblem": 2000,
}


@pytest.fixture
def software(cast: Cast, clock) -> Software:
    return software_of(cast.shop, cast.alice)


def path_of(order, tail: str = "") -> str:
    return f"/messaging/v1/orders/{order.number}{tail}"


def say(software: Software, order, action: str, body: object, **query):
    return software.ask("POST", path_of(order, f"/messages/{action}"), body, **{"marketplaceIds": MARKET} | query)


def test_what_may_be_said_is_listed_with_its_addresses(cast: Cast, software, models_if_there):
    order = cast.order(1)
    answer = software.get(path_of(order), marketplaceIds=MARKET)
    compare(models_if_there, "GET", path_of(order), answer)
    links = answer.json()["_links"]
    assert {each["name"] for each in links["actions"]} == set(TEXTS)
    for each in links["actions"]:
        path, _, query = each["href"].partition("?")
        assert (
            software.ask("POST", path, {"text": "こんにちは"}, marketplaceIds=query.partition("=")[2]).status_code
            == 201
        )


@pytest.mark.parametrize(("language", "locale"), [("ja", "ja-JP"), ("en", "en-US")])
def test_the_language_of_the_buyer(cast: Cast, software, models_if_there, language, locale):
    cast.dora.language = language
    cast.dora.save()
    order = cast.order(1)
    answer = software.get(path_of(order, "/attributes"), marketplaceIds=MARKET)
    compare(models_if_there, "GET", path_of(order, "/attributes"), answer)
    assert answer.json() == {"buyer": {"locale": locale}}


@pytest.mark.parametrize("action", TEXTS)
def test_a_message_stands_in_the_talk_and_is_mailed_to_the_buyer(cast: Cast, software, models_if_there, action):
    order = cast.order(1)
    answer = say(software, order, action, {"text": "  お届け先をご確認ください。\n"})
    compare(models_if_there, "POST", path_of(order, f"/messages/{action}"), answer)
    assert (answer.status_code, answer.json()) == (201, {})
    message = Message.objects.get()
    assert (message.text, message.side, message.name) == ("お届け先をご確認ください。", "SELLER", "在庫管理 0")
    assert ("mail_buyer", cast.dora.email) in told(Event.objects.get(name="message.sent_by_seller"))


@pytest.mark.parametrize("action", TEXTS)
def test_a_text_has_its_longest(cast: Cast, software, action):
    order = cast.order(1)
    longest = TEXTS[action]
    assert say(software, order, action, {"text": "あ" * (longest + 1)}).status_code == 400
    assert say(software, order, action, {"text": "あ" * longest}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": " \n"},
        {"text": 1},
        {"text": "<b>お知らせ</b>"},
        {"text": "shop@seller.example までご連絡ください"},
        {"text": "a\u0007b"},
        {"text": "a", "attachments": [{"uploadDestinationId": "1", "fileName": "a.pdf"}]},
    ],
)
def test_what_the_buyer_would_not_get_is_400_and_says_why(cast: Cast, software, body):
    status, code, details = error_of(say(software, cast.order(1), "unexpectedProblem", body))
    assert (status, code) == (400, "InvalidInput")
    assert details
    assert not Message.objects.exists()


def test_less_than_is_no_html(cast: Cast, software):
    assert say(software, cast.order(1), "unexpectedProblem", {"text": "3 < 5 です"}).status_code == 201


@pytest.mark.parametrize("action", ["invoice", "legalDisclosure", "warranty"])
def test_messages_of_nothing_but_files_are_not_offered(cast: Cast, software, action):
    assert error_of(say(software, cast.order(1), action, {"attachments": []}))[0] == 400


def test_nothing_is_said_before_the_payment_is_verified(cast: Cast, software):
    order = cast.order(1, verified=False)
    assert software.get(path_of(order), marketplaceIds=MARKET).json()["_links"]["actions"] == []
    assert error_of(say(software, order, "unexpectedProblem", {"text": "a"}))[:2] == (400, "InvalidInput")
    assert not Message.objects.exists()


def test_b17_a_push_to_cancel_is_marked_unless_the_buyer_spoke_of_it(cast: Cast, software):
    pushed, asked = cast.order(1), cast.order(1)
    cast.request(asked)
    for order in (pushed, asked):
        say(software, order, "unexpectedProblem", {"text": "在庫がないため、キャンセルを申請してください。"})
    assert [each.pushes for each in Message.objects.order_by("pk")] == [True, False]


@pytest.mark.parametrize("query", [{"marketplaceIds": ""}, {"marketplaceIds": f"{MARKET},X"}])
def test_exactly_one_marketplace_is_asked_for(cast: Cast, software, query):
    assert error_of(say(software, cast.order(1), "unexpectedProblem", {"text": "a"}, **query))[0] == 400


def test_another_marketplace_is_denied(cast: Cast, software):
    answer = say(software, cast.order(1), "unexpectedProblem", {"text": "a"}, marketplaceIds="ATVPDKIKX0DER")
    assert error_of(answer)[0] == 403


@pytest.mark.parametrize("action", ["negativeFeedbackRemoval", "amazonMotors", "nothing"])
def test_what_the_interface_no_longer_has_is_an_unknown_address(cast: Cast, software, action):
    assert say(software, cast.order(1), action, {}).status_code == 403
