"""What the original interface lacks: cancel, answer requests, eligibility, the rate (domain 14.7)."""

from datetime import timedelta

import pytest

from cancellations import queries
from cancellations.models import Cancellation, CancellationRequest, PolicyVersion
from cancellations.policy import Refusal
from events.models import Event, IdempotencyKey
from spapi.views.cancellations import status_of
from tests.books import nothing_changes
from tests.cast import Cast, lines_of

from .conftest import NOW, Software, error_of

OWN = "/cancellations/v1"
ASKED = NOW - timedelta(minutes=10)


def cancelled(software: Software, order, **body):
    return software.ask(
        "POST", f"{OWN}/orders/{order.number}/cancellations", {"reasonCode": "NO_INVENTORY"} | body
    )


def item(order, place: int = 0) -> str:
    return order.items.order_by("pk")[place].item_id


def test_a_whole_order_is_cancelled_and_the_answer_says_what_it_did_to_the_rate(cast: Cast, software):
    order = cast.order(2, 1)
    answer = cancelled(software, order).json()["payload"]
    assert (answer["result"], answer["orderStatus"], answer["counted"]) == ("DONE", "CANCELED", True)
    assert [each["code"] for each in answer["cancellations"]] == ["SEL-1"]
    assert (answer["rate"]["counted"], answer["rate"]["orders"]) == (1, 1)
    order.refresh_from_db()
    assert answer["version"] == order.version
    event = Event.objects.filter(name="order.cancelled").get()
    assert (event.role, event.door, event.user_id) == ("SELLER", "API", cast.alice.pk)


def test_items_are_cancelled_apart_those_that_were_asked_for_do_not_count(cast: Cast, software):
    order = cast.order(2, 3)
    cast.request(order, {lines_of(order)[0]: 2}, now=ASKED)
    items = [
        {"orderItemId": item(order), "quantity": 2},
        {"orderItemId": item(order, 1), "quantity": 1},
    ]
    answer = cancelled(software, order, reasonCode="BUYER_CANCELED", items=items).json()["payload"]
    assert [(each["code"], each["counted"]) for each in answer["cancellations"]] == [
        ("BUY-1", False),
        ("BUY-3", True),
    ]
    assert answer["counted"] is True
    order.refresh_from_db()
    assert (answer["orderStatus"], answer["version"]) == ("UNSHIPPED", order.version)


def test_a_dry_run_says_the_same_and_changes_nothing(cast: Cast, software):
    order = cast.order(1)
    software.get("/sellers/v1/account")
    with nothing_changes():
        tried = cancelled(software, order, dryRun=True).json()["payload"]
    assert tried.pop("dryRun") is True
    assert tried == cancelled(software, order).json()["payload"]


def test_r29_a_key_is_good_for_one_act_and_gives_its_answer_again(cast: Cast, software, rival):
    order, other = cast.order(2), cast.order(1)
    body = {"idempotencyKey": "key-1", "items": [{"orderItemId": item(order), "quantity": 1}]}
    first = cancelled(software, order, **body)
    again = cancelled(software, order, **body)
    assert first.status_code == 200
    assert first.json() == again.json()
    assert Cancellation.objects.count() == 1
    assert error_of(cancelled(software, order, idempotencyKey="key-1"))[:2] == (422, "IDEMPOTENCY_MISMATCH")
    assert error_of(cancelled(software, other, idempotencyKey="key-1"))[:2] == (422, "IDEMPOTENCY_MISMATCH")
    assert IdempotencyKey.objects.count() == 1


def test_a_key_of_an_act_that_was_refused_may_be_used_again(cast: Cast, software):
    order = cast.order(1)
    body = {"idempotencyKey": "key-1", "expectedVersion": 99}
    assert error_of(cancelled(software, order, **body))[:2] == (409, "VERSION_CONFLICT")
    order.refresh_from_db()
    body["expectedVersion"] = order.version
    assert cancelled(software, order, **body).status_code == 200


def test_what_ended_so_already_is_no_change(cast: Cast, software):
    order = cast.order(1)
    cancelled(software, order)
    again = cancelled(software, order).json()["payload"]
    assert (again["result"], again["cancellations"], again["orderStatus"]) == ("NO_CHANGE", [], "CANCELED")
    assert error_of(cancelled(software, order, reasonCode="OTHER"))[:2] == (409, "ORDER_NOT_CANCELABLE")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reasonCode": ""}, 422, "REASON_REQUIRED"),
        ({"reasonCode": "FRAUD"}, 422, "REASON_UNKNOWN"),
        ({"items": [{"orderItemId": "00000000000001", "quantity": 1}]}, 404, "ITEM_NOT_FOUND"),
        ({"items": [{"orderItemId": "ITEM", "quantity": 4}]}, 422, "QUANTITY_EXCEEDS_OPEN"),
        ({"items": [{"orderItemId": "ITEM", "quantity": 0}]}, 422, "QUANTITY_EXCEEDS_OPEN"),
        ({"items": [{"orderItemId": "ITEM", "quantity": -1}]}, 422, "QUANTITY_EXCEEDS_OPEN"),
        ({"items": [{"orderItemId": "ITEM", "quantity": 1}] * 2}, 400, "InvalidInput"),
        ({"items": []}, 400, "InvalidInput"),
        ({"items": "all"}, 422, "INVALID_FIELD"),
        ({"items": [{"orderItemId": "ITEM"}]}, 422, "INVALID_FIELD"),
        ({"items": [{"orderItemId": "ITEM", "quantity": "many"}]}, 422, "INVALID_FIELD"),
        ({"items": [{"orderItemId": "ITEM", "quantity": 1, "price": 0}]}, 422, "UNKNOWN_FIELD"),
        ({"expectedVersion": 99}, 409, "VERSION_CONFLICT"),
        ({"expectedVersion": True}, 422, "INVALID_FIELD"),
        ({"counted": False}, 422, "UNKNOWN_FIELD"),
        ({"seller_id": 1}, 422, "UNKNOWN_FIELD"),
        ({"idempotencyKey": "x" * 65}, 400, "InvalidInput"),
        ({"memo": "x" * 1001}, 400, "InvalidInput"),
    ],
)
def test_b41_what_cannot_be_done_is_refused_with_its_code_and_nothing_changes(
    cast: Cast, software, body, status, code
):
    order = cast.order(3)
    sent = {"reasonCode": "NO_INVENTORY"} | body
    if isinstance(sent.get("items"), list):
        sent["items"] = [
            each | {"orderItemId": item(order)} if each["orderItemId"] == "ITEM" else each
            for each in sent["items"]
        ]
    software.get("/sellers/v1/account")
    with nothing_changes():
        answer = software.ask("POST", f"{OWN}/orders/{order.number}/cancellations", sent)
    assert error_of(answer)[:2] == (status, code)


def test_b40_a_body_that_is_no_json_is_called_so(cast: Cast, software):
    path = f"{OWN}/orders/{cast.order(1).number}/cancellations"
    headers = {"x-amz-access-token": software.token}
    answer = software.client.post(path, b"{", content_type="application/json", headers=headers)
    assert error_of(answer)[:2] == (400, "INVALID_BODY")


def test_every_refusal_has_its_status():
    table = {
        404: {"ORDER_NOT_FOUND", "ITEM_NOT_FOUND", "REQUEST_NOT_FOUND"},
        403: {"PERMISSION_DENIED"},
        422: {
            "REASON_REQUIRED",
            "REASON_UNKNOWN",
            "QUANTITY_EXCEEDS_OPEN",
            "ITEM_NOT_BUYER_CANCELABLE",
            "REFUND_EXCEEDS_CHARGE",
            "IDEMPOTENCY_MISMATCH",
        },
    }
    named = set().union(*table.values())
    for code in Refusal:
        expected = next((status for status, codes in table.items() if code in codes), 409)
        assert status_of(code) == expected, code
    assert named <= set(Refusal)


def test_a_held_and_a_pending_order_are_refused_as_everywhere(cast: Cast, software):
    pending = cast.order(1, verified=False)
    assert error_of(cancelled(software, pending))[:2] == (409, "ORDER_NOT_CANCELABLE")


# --- requests -----------------------------------------------------------------------------------------------


def requested(cast: Cast, *quantities, now=ASKED, units=None):
    order = cast.order(*(quantities or (1,)))
    cast.request(order, units and {lines_of(order)[0]: units}, now=now)
    return order, CancellationRequest.objects.get(order=order)


def test_requests_are_listed_by_the_last_change_of_their_order_page_by_page(cast: Cast, software):
    made = [requested(cast, now=ASKED + timedelta(seconds=place))[1] for place in range(3)]
    cast.withdraw(made[0].order, now=NOW - timedelta(minutes=5))
    since = (NOW - timedelta(minutes=30)).isoformat()
    first = software.payload(f"{OWN}/requests", updatedAfter=since, pageSize="2")
    second = software.payload(f"{OWN}/requests", nextToken=first["nextToken"])
    found = [each["requestId"] for page in (first, second) for each in page["requests"]]
    assert found == [str(made[1].pk), str(made[2].pk), str(made[0].pk)]
    assert first["updatedBefore"] == "2026-07-01T03:58:00Z"
    open_ones = software.payload(f"{OWN}/requests", status="OPEN")["requests"]
    assert [each["requestId"] for each in open_ones] == [str(made[1].pk), str(made[2].pk)]
    assert software.get(f"{OWN}/requests", status="NEW").status_code == 400


def test_another_shop_sees_no_request_and_answers_none(cast: Cast, software, rival):
    _, request = requested(cast)
    assert rival.payload(f"{OWN}/requests", status="OPEN")["requests"] == []
    for method, tail, body in (
        ("GET", "", None),
        ("POST", "/approval", {}),
        ("POST", "/decline", {"reasonCode": "IN_PRODUCTION"}),
    ):
        answer = rival.ask(method, f"{OWN}/requests/{request.pk}{tail}", body)
        assert error_of(answer)[:2] == (404, "REQUEST_NOT_FOUND"), tail
    assert rival.get(f"{OWN}/requests/999999").json() == rival.get(f"{OWN}/requests/x").json()


def test_a_request_is_approved_as_asked_and_never_counts(cast: Cast, software):
    order, request = requested(cast, 2, 1, units=1)
    shown = software.payload(f"{OWN}/requests/{request.pk}")
    assert (shown["status"], shown["items"][0]["quantity"], shown["orderVersion"]) == (
        "OPEN",
        1,
        order.version + 1,
    )
    answer = software.ask(
        "POST", f"{OWN}/requests/{request.pk}/approval", {"expectedVersion": shown["orderVersion"]}
    )
    payload = answer.json()["payload"]
    assert (payload["counted"], payload["cancellations"][0]["code"]) == (False, "BUY-1")
    assert software.payload(f"{OWN}/requests/{request.pk}")["status"] == "APPROVED"
    again = software.ask("POST", f"{OWN}/requests/{request.pk}/approval", {})
    assert error_of(again)[:2] == (409, "REQUEST_NOT_OPEN")


def test_a_request_for_the_whole_is_approved_whole(cast: Cast, software):
    order, request = requested(cast, 2, 1)
    payload = software.ask("POST", f"{OWN}/requests/{request.pk}/approval", {}).json()["payload"]
    assert (payload["orderStatus"], payload["counted"]) == ("CANCELED", False)
    assert Cancellation.objects.filter(order=order).count() == 1


def test_a_request_is_declined_with_a_reason(cast: Cast, software):
    _, request = requested(cast)
    path = f"{OWN}/requests/{request.pk}/decline"
    assert error_of(software.ask("POST", path, {}))[:2] == (422, "REASON_REQUIRED")
    assert error_of(software.ask("POST", path, {"reasonCode": "BUSY"}))[:2] == (422, "REASON_UNKNOWN")
    assert error_of(software.ask("POST", path, {"reasonCode": "OTHER"}))[:2] == (422, "REASON_REQUIRED")
    answer = software.ask("POST", path, {"reasonCode": "IN_PRODUCTION", "text": "製作中です"})
    assert answer.json()["payload"]["result"] == "DONE"
    shown = software.payload(f"{OWN}/requests/{request.pk}")
    assert (shown["status"], shown["declineReasonCode"], shown["declineText"]) == (
        "DECLINED",
        "IN_PRODUCTION",
        "製作中です",
    )
    assert error_of(software.ask("POST", path, {"reasonCode": "IN_PRODUCTION"}))[:2] == (409, "REQUEST_NOT_OPEN")


@pytest.mark.parametrize("tail", ["approval", "decline"])
def test_an_answer_is_for_the_request_that_was_named_and_never_for_a_later_one(
    cast: Cast, software, monkeypatch, tail
):
    order, request = requested(cast, 2)
    read = queries.request_of_seller

    def meanwhile(*args):
        """The buyer takes the request back and asks anew, right after it was read."""
        found = read(*args)
        cast.withdraw(order, now=NOW)
        cast.request(order, now=NOW)
        return found

    monkeypatch.setattr(queries, "request_of_seller", meanwhile)
    body = {"reasonCode": "IN_PRODUCTION"} if tail == "decline" else {}
    answer = software.ask("POST", f"{OWN}/requests/{request.pk}/{tail}", body)
    assert error_of(answer)[:2] == (409, "VERSION_CONFLICT")
    assert CancellationRequest.objects.latest("pk").status == "OPEN"
    order.refresh_from_db()
    assert order.status == "UNSHIPPED"


def test_a_list_without_a_beginning_says_from_where_the_next_one_misses_nothing(cast: Cast, software):
    requested(cast)
    answer = software.payload(f"{OWN}/requests", status="OPEN")
    assert len(answer["requests"]) == 1
    assert answer["updatedBefore"] == f"{NOW - timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ}"


def test_where_the_policy_lets_nobody_decline_it_is_refused(cast: Cast, software):
    _, request = requested(cast)
    PolicyVersion.objects.create(number=2, starts_at=NOW - timedelta(minutes=1), seller_may_decline=False)
    answer = software.ask("POST", f"{OWN}/requests/{request.pk}/decline", {"reasonCode": "IN_PRODUCTION"})
    assert error_of(answer)[:2] == (409, "DECLINE_NOT_ALLOWED")


# --- what is allowed, and the rate --------------------------------------------------------------------------


def test_eligibility_says_who_may_what_and_what_each_reason_does(cast: Cast, software):
    order, _ = requested(cast)
    found = software.payload(f"{OWN}/orders/{order.number}/eligibility")
    assert found["seller"] == {"allowed": True}
    assert found["buyer"]["code"] == "REQUEST_ALREADY_OPEN"
    reasons = {each["reasonCode"]: each for each in found["reasons"]}
    assert reasons["BUYER_CANCELED"]["counts"] is False
    assert reasons["BUYER_CANCELED"]["rateAfter"]["counted"] == 0
    assert (reasons["NO_INVENTORY"]["code"], reasons["NO_INVENTORY"]["rateAfter"]["counted"]) == ("SEL-1", 1)
    assert reasons["NO_INVENTORY"]["explanation"].isascii()
    cancelled(software, order)
    ended = software.payload(f"{OWN}/orders/{order.number}/eligibility")
    assert (ended["seller"]["code"], ended["reasons"]) == ("ORDER_NOT_CANCELABLE", [])


def test_the_rate_now_and_as_of_a_moment(cast: Cast, software):
    cancelled(software, cast.order(1))
    cast.order(1)
    now = software.payload(f"{OWN}/rate")
    assert (now["counted"], now["orders"], now["state"]) == (1, 2, "AT_RISK")
    before = software.payload(f"{OWN}/rate", asOf="2026-07-01T03:30:00Z")
    assert (before["counted"], before["asOf"]) == (0, "2026-07-01T03:30:00Z")
    assert software.get(f"{OWN}/rate", asOf="2026-07-02T00:00:00Z").status_code == 400


def test_a_rate_is_a_number_of_two_decimals_and_none_without_orders(cast: Cast, software):
    assert software.payload(f"{OWN}/rate")["rate"] is None
    cast.cancel(cast.order(1), now=NOW - timedelta(minutes=1))
    cast.orders(2)
    assert software.payload(f"{OWN}/rate")["rate"] == "33.33"


def test_everything_is_said_in_english(cast: Cast, software):
    order = cast.order(1)
    answer = software.ask("POST", f"{OWN}/orders/{order.number}/cancellations", {"reasonCode": "NO_INVENTORY"})
    said = answer.json()["payload"]["cancellations"][0]["explanation"]
    assert said.isascii()
    assert "SEL-1" in said
