"""1件または複数の注文のキャンセル (domain 7.4): what is chosen, what counts, done once, answered order by order."""

from collections.abc import Iterable
from datetime import timedelta
from threading import Thread

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, User
from cancellations import bulk_queries, tasks
from cancellations.actions import CancelTarget, bulk, run_bulk, start_bulk
from cancellations.models import BulkCancellation, BulkCancellationLine, Cancellation
from cancellations.policy import Reason, Refusal
from cancellations.wording import refusal
from events.models import Event
from orders.actions import hold
from orders.models import Order
from tests import factories
from tests.books import counted_statements, nothing_changes, offences, refuse_changes_of
from tests.cast import LATER, Cast, lines_of

PAGE = "/seller/orders/cancel/"


def client_of(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def alice(cast) -> Client:
    """The owner's browser."""
    return client_of(cast.alice)


@pytest.fixture
def sent_to_worker(monkeypatch) -> list[int]:
    """Bulks that a worker was asked to run, once their transaction was committed."""
    sent: list[int] = []
    monkeypatch.setattr(bulk.current_app, "send_task", lambda name, args: sent.extend(args))
    return sent


def body(orders: Iterable[Order], reason: Reason | str = Reason.NO_INVENTORY, *, key: str = "k", **more) -> dict:
    """What the page sends: number, reason and version of each order."""
    orders = list(orders)
    return {
        "key": key,
        "order": [order.number for order in orders],
        **{f"reason-{order.number}": str(reason) for order in orders},
        **{f"version-{order.number}": order.version for order in orders},
        **more,
    }


def agreed(response) -> dict:
    """What pressing 「このままキャンセルする」 adds to the form."""
    assert response.status_code == 200
    assert response.context["question"] is True
    return {"confirmed": response.context["plan"].fingerprint}


def send(client: Client, data: dict):
    """Send the form, and say yes to the second question if it is asked; the page of results."""
    response = client.post(PAGE, data)
    if response.status_code == 200 and response.context["question"]:
        response = client.post(PAGE, data | agreed(response))
    assert response.status_code == 302, response.context["form"].errors
    return client.get(response["Location"])


def begin(cast: Cast, orders: Iterable[Order], reason: Reason = Reason.NO_INVENTORY) -> BulkCancellation:
    """A bulk that is kept and not run."""
    targets = [CancelTarget(order.pk, reason, memo="在庫なし", expected_version=order.version) for order in orders]
    return start_bulk(seller_id=cast.shop.pk, targets=targets, by=cast.seller, now=LATER)


def answers(of: BulkCancellation) -> list[tuple[str, str, bool | None]]:
    """Result, code and effect of each line, in order."""
    return list(of.lines.order_by("position").values_list("result", "code", "counted"))


def statuses(orders: Iterable[Order]) -> list[str]:
    return [Order.objects.get(pk=order.pk).status for order in orders]


def clock():
    return LATER


# --- choosing ---------------------------------------------------------------------------------------------


def test_a_whole_request_brings_its_reason_and_the_others_wait_for_one(cast, alice):
    asked, plain = cast.order(), cast.order()
    cast.request(asked)
    page = alice.get(PAGE, {"order": [asked.number, plain.number]})
    lines = page.context["plan"].lines
    assert [(line.standing.order.pk, line.reason) for line in lines] == [
        (asked.pk, "BUYER_CANCELED"),
        (plain.pk, ""),
    ]
    assert lines[0].effect.counted is False
    assert "キャンセル率に影響する注文：0件" in page.content.decode()


def test_what_cannot_be_cancelled_is_left_out_with_why(cast, alice):
    ok, pending, partly, gone, held = (
        cast.order(),
        cast.order(verified=False),
        cast.order(2),
        cast.order(),
        cast.order(),
    )
    cast.confirm(partly, {lines_of(partly)[0]: 1})
    cast.cancel(gone)
    hold(order_ids=[held.pk], note="", by=cast.operator, now=LATER)
    numbers = [order.number for order in (ok, pending, partly, gone, held)]
    plan = alice.get(PAGE, {"order": numbers}).context["plan"]
    assert [line.standing.order.pk for line in plan.lines] == [ok.pk]
    assert {each.number: each.why for each in plan.skipped} == {
        pending.number: "お支払いの確認中です。確認が終わるまで、出荷とキャンセルはできません。",
        partly.number: "一部を出荷済みのため、注文全体のキャンセルはできません。",
        gone.number: refusal(Refusal.ORDER_NOT_CANCELABLE),
        held.number: refusal(Refusal.ORDER_ON_HOLD),
    }


def test_a_foreign_number_is_answered_like_an_unknown_one_and_like_nonsense(cast, alice):
    foreign = factories.order(cast.other_shop, cast.dora, items=[factories.item("秘密の商品")])
    found = []
    for number in (foreign.number, "250-0000000-0000000", "x\x00", "<b>" * 50):
        page = alice.get(PAGE, {"order": number})
        (skipped,) = page.context["plan"].skipped
        assert not page.context["plan"].lines
        assert skipped.standing is None
        assert "秘密の商品" not in page.content.decode()
        assert "<b><b>" not in page.content.decode()
        found.append(skipped.why)
    assert set(found) == {"注文が見つかりません。注文番号をご確認ください。"}


def test_a_number_that_comes_twice_is_one_order(cast, alice):
    order = cast.order()
    plan = alice.get(PAGE, {"order": [order.number, order.number]}).context["plan"]
    assert len(plan.lines) == 1
    assert send(alice, body([order, order])).context["bulk"].orders_in_all == 1


def test_none_chosen_and_too_many_are_said(cast, alice):
    assert "キャンセルする注文が選択されていません" in alice.get(PAGE).content.decode()
    assert "キャンセルする注文が選択されていません" in alice.post(PAGE, {"key": "k"}).content.decode()
    many = [f"250-0000000-{number:07}" for number in range(1001)]
    with nothing_changes():
        page = alice.post(PAGE, {"order": many})
    assert "一度にキャンセルできる注文は1000件までです。" in page.content.decode()
    assert page.context["plan"].lines == []


def test_a_thousand_orders_open_by_post_in_a_fixed_number_of_statements(cast, alice):
    few, many = cast.orders(3), cast.orders(1000)
    said = []
    for orders in (few, many):
        with counted_statements() as count:
            page = alice.post(PAGE, {"order": [order.number for order in orders]})
        assert len(page.context["plan"].lines) == len(orders)
        said += count
    assert said[0] == said[1]


# --- all requested ------------------------------------------------------------------------------------------


def test_approving_all_takes_orders_requested_whole_the_earliest_answer_due_first(cast, alice):
    late, early, part, plain, partly = cast.order(), cast.order(), cast.order(2), cast.order(), cast.order(2)
    cast.request(late, now=LATER + timedelta(hours=1))
    cast.request(early)
    cast.request(part, {lines_of(part)[0]: 1})
    cast.confirm(partly, {lines_of(partly)[0]: 1})
    cast.request(partly)
    foreign = factories.order(cast.other_shop, cast.dora)
    cast.request(foreign)
    plan = alice.get(PAGE, {"requested": "all"}).context["plan"]
    assert [line.standing.order.pk for line in plan.lines] == [early.pk, late.pk]
    assert {line.reason for line in plan.lines} == {"BUYER_CANCELED"}
    assert not plan.counted
    assert [(each.number, "一部" in each.why) for each in plan.skipped] == [
        (part.number, True),
        (partly.number, True),
    ]
    chosen = [Order.objects.get(pk=order.pk) for order in (early, late)]
    page = send(alice, body(chosen, Reason.BUYER_CANCELED))
    assert page.context["sums"] == bulk_queries.Sums(done=2, counted=0, unchanged=0, failed=0)
    assert statuses([early, late, part, plain]) == ["CANCELED", "CANCELED", "UNSHIPPED", "UNSHIPPED"]
    assert "注文全体のキャンセルリクエストはありません" in alice.get(PAGE, {"requested": "all"}).content.decode()


def test_the_button_for_all_requests_stands_only_while_there_are_requests_and_for_who_may_act(cast, alice):
    order = cast.order()
    words = "リクエストのあった注文をすべて承認"
    assert words not in alice.get("/seller/orders/").content.decode()
    cast.request(order)
    assert words in alice.get("/seller/orders/").content.decode()
    assert words not in client_of(cast.rei).get("/seller/orders/").content.decode()


# --- judging ------------------------------------------------------------------------------------------------


def test_a_choice_is_judged_by_the_server_with_the_sum(cast, alice):
    asked, plain = cast.order(), cast.order()
    cast.request(asked)
    data = body([asked, plain], "")
    data[f"reason-{asked.number}"] = "BUYER_CANCELED"
    data[f"reason-{plain.number}"] = "OTHER"
    with nothing_changes():
        part = alice.post(
            PAGE, data, headers={"HX-Request": "true", "HX-Trigger-Name": f"reason-{plain.number}"}
        ).content.decode()
    assert "キャンセル率への影響：あり" in part
    assert "キャンセル率に影響する注文：1件" in part
    assert "<html" not in part


def test_one_reason_is_applied_to_all(cast, alice):
    orders = cast.orders(3)
    with nothing_changes():
        page = alice.post(PAGE, body(orders, "", reason_for_all="OTHER", seller_memo="急ぎ", apply="1"))
    assert {line.reason for line in page.context["plan"].lines} == {"OTHER"}
    assert "キャンセル率に影響する注文：3件" in page.content.decode()
    assert page.context["form"]["seller_memo"].value() == "急ぎ"


def test_one_reason_for_all_is_judged_for_every_order(cast, alice):
    asked, plain = cast.order(), cast.order()
    cast.request(asked)
    headers = {"HX-Request": "true", "HX-Trigger-Name": "reason_for_all"}
    data = body([asked, plain], "", reason_for_all="BUYER_CANCELED")
    with nothing_changes():
        part = alice.post(PAGE, data, headers=headers).content.decode()
    assert part.index(f"effect-{asked.number}") < part.index("キャンセル率への影響：なし")
    assert part.index(f"effect-{plain.number}") < part.index("キャンセル率への影響：あり")
    assert "キャンセル率に影響する注文：1件" in part
    assert "<html" not in part


def test_the_second_question_names_those_that_count_and_does_nothing(cast, alice):
    asked, plain = cast.order(), cast.order()
    cast.request(asked)
    asked.refresh_from_db()
    data = body([asked, plain], Reason.BUYER_CANCELED)
    with nothing_changes():
        page = alice.post(PAGE, data)
    assert page.context["question"] is True
    assert [line.standing.order.pk for line in page.context["plan"].counted] == [plain.pk]
    assert "このままキャンセルする" in page.content.decode()
    done = alice.post(PAGE, data | agreed(page))
    assert done.status_code == 302
    assert statuses([asked, plain]) == ["CANCELED", "CANCELED"]


def test_yes_to_one_choice_is_no_yes_to_another(cast, alice):
    order = cast.order()
    yes = agreed(alice.post(PAGE, body([order], Reason.NO_INVENTORY)))
    with nothing_changes():
        page = alice.post(PAGE, body([order], Reason.OTHER) | yes)
    assert page.context["question"] is True


def test_nothing_is_asked_when_nothing_counts(cast, alice):
    asked = cast.order()
    cast.request(asked)
    asked.refresh_from_db()
    assert alice.post(PAGE, body([asked], Reason.BUYER_CANCELED)).status_code == 302


def test_another_reason_under_a_request_is_told_the_better_one(cast, alice):
    asked = cast.order()
    cast.request(asked)
    asked.refresh_from_db()
    page = alice.post(PAGE, body([asked], Reason.NO_INVENTORY)).content.decode()
    assert "理由に「購入者によるキャンセル」を選択すると、キャンセル率に影響しません。" in page
    assert "購入者に連絡して、キャンセル依頼の送信を求めることはしないでください。" in page


def test_missing_reasons_are_asked_for_at_their_place_or_in_one_sentence(cast, alice):
    few, many = cast.orders(2), cast.orders(11)
    with nothing_changes():
        page = alice.post(PAGE, body(few, ""))
        assert f"注文 {few[0].number} のキャンセルの理由を選択してください。" in page.content.decode()
        page = alice.post(PAGE, body(many, ""))
    assert "キャンセルの理由が選択されていない注文が11件あります。" in page.content.decode()
    assert len(page.context["form"].errors) == 1


@pytest.mark.parametrize("damage", ["version", "reason", "memo"])
def test_a_damaged_form_does_nothing_and_says_so(cast, alice, damage):
    order = cast.order()
    data = body([order])
    if damage == "version":
        del data[f"version-{order.number}"]
    data |= {"reason": {f"reason-{order.number}": "FRAUD"}, "memo": {"seller_memo": "x" * 1001}}.get(damage, {})
    with nothing_changes():
        page = alice.post(PAGE, data)
    assert page.context["form"].errors
    assert "送信できませんでした。入力内容を確認してください。" in page.content.decode()


def test_a_foreign_number_in_the_form_stops_it_and_is_listed(cast, alice):
    order, foreign = cast.order(), factories.order(cast.other_shop, cast.dora)
    with nothing_changes():
        page = alice.post(PAGE, body([order, foreign]))
    assert [each.number for each in page.context["plan"].skipped] == [foreign.number]


# --- sending ------------------------------------------------------------------------------------------------


def test_sent_orders_are_cancelled_with_their_reason_and_memo_in_the_name_of_the_person(cast, alice):
    orders = cast.orders(2)
    data = body(orders, seller_memo="倉庫で破損")
    data[f"reason-{orders[1].number}"] = "OTHER"
    page = send(alice, data)
    assert page.context["sums"] == bulk_queries.Sums(done=2, counted=2, unchanged=0, failed=0)
    found = Cancellation.objects.order_by("order_id").values_list("code", "counted", "seller_memo", "role")
    assert list(found) == [("SEL-1", True, "倉庫で破損", "SELLER"), ("SEL-9", True, "倉庫で破損", "SELLER")]
    assert set(Event.objects.filter(name="order.cancelled").values_list("door", "user_id")) == {
        ("PAGE", cast.alice.pk)
    }
    assert set(offences(now=timezone.now())) <= {"INV-13"}  # nobody delivers here


def test_sent_twice_is_one_bulk_and_the_same_page(cast, alice):
    order = cast.order()
    data = body([order])
    data |= agreed(alice.post(PAGE, data))
    first, second = alice.post(PAGE, data), alice.post(PAGE, data)
    assert first["Location"] == second["Location"]
    assert BulkCancellation.objects.count() == 1
    assert Cancellation.objects.count() == 1
    other = cast.order()
    with nothing_changes():
        page = alice.post(PAGE, body([other]))
    assert refusal(Refusal.IDEMPOTENCY_MISMATCH) in page.content.decode()


def test_an_order_that_changed_is_refused_alone(cast, alice):
    orders = cast.orders(3)
    data = body(orders)
    cast.request(orders[1])
    page = send(alice, data)
    (made,) = BulkCancellation.objects.all()
    assert answers(made) == [("DONE", "", True), ("ERROR", "VERSION_CONFLICT", None), ("DONE", "", True)]
    assert statuses(orders) == ["CANCELED", "UNSHIPPED", "CANCELED"]
    shown = page.content.decode()
    assert refusal(Refusal.VERSION_CONFLICT) in shown
    assert "2件の注文をキャンセルしました。" in shown
    only = alice.get(reverse("seller:orders-cancelled", args=[made.pk]), {"failed": "1"})
    assert [line.order_id for line, _, _ in only.context["rows"]] == [orders[1].pk]


def test_an_order_that_changed_says_so_when_the_page_comes_back(cast, alice):
    orders = cast.orders(2)
    data = body(orders)
    cast.request(orders[0])
    page = alice.post(PAGE, data)
    assert page.context["question"] is True
    assert [line.standing.order.pk for line in page.context["plan"].counted] == [orders[1].pk]
    assert refusal(Refusal.VERSION_CONFLICT) in page.content.decode()


def test_up_to_fifty_are_done_while_the_page_waits_and_more_by_a_worker(
    cast, alice, sent_to_worker, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        page = send(alice, body(cast.orders(50), key="few"))
    assert page.context["is_done"] is True
    assert sent_to_worker == []
    more = cast.orders(51)
    with django_capture_on_commit_callbacks(execute=True):
        page = send(alice, body(more, key="many"))
    made = page.context["bulk"]
    assert sent_to_worker[:1] == [made.pk]
    assert (made.state, made.orders_done) == ("IN_PROGRESS", 0)
    assert "0 / 51 件" in page.content.decode()
    assert "最新の状態を表示" in page.content.decode()
    tasks.run_bulk_cancellation(made.pk)
    assert alice.get(reverse("seller:orders-cancelled", args=[made.pk])).context["is_done"] is True
    assert set(statuses(more)) == {"CANCELED"}


# --- running ------------------------------------------------------------------------------------------------


def test_a_thousand_orders_in_one_go_with_few_statements(cast, no_mails, sent_to_worker):
    made = begin(cast, cast.orders(1000))
    with counted_statements() as count:
        run_bulk(bulk_id=made.pk, clock=clock)
    made.refresh_from_db()
    assert (made.state, made.orders_done, made.finished_at) == ("DONE", 1000, LATER)
    assert answers(made) == [("DONE", "", True)] * 1000
    assert Cancellation.objects.count() == 1000
    # Ten steps, whatever is in them.
    assert count[0] <= 10 * 20
    assert set(offences(now=LATER)) <= {"INV-13"}  # nobody delivers here


def test_each_step_moves_the_progress(cast, sent_to_worker, monkeypatch):
    made = begin(cast, cast.orders(7))
    monkeypatch.setattr(bulk, "ORDERS_PER_STEP", 3)
    seen = []

    def watched():
        seen.append(BulkCancellation.objects.get(pk=made.pk).orders_done)
        return LATER

    run_bulk(bulk_id=made.pk, clock=watched)
    assert seen == [0, 3, 6, 6]


@pytest.mark.parametrize("killer", [SystemExit, SoftTimeLimitExceeded])
def test_a_worker_killed_in_the_middle_goes_on_at_the_first_unanswered_order(
    cast, sent_to_worker, monkeypatch, killer
):
    orders = cast.orders(7)
    made = begin(cast, orders)
    monkeypatch.setattr(bulk, "ORDERS_PER_STEP", 3)
    write = BulkCancellationLine.objects.bulk_update
    steps = []

    def killed_in_the_second_step(lines, fields):
        steps.append(len(lines))
        if len(steps) == 2:
            raise killer
        return write(lines, fields)

    monkeypatch.setattr(BulkCancellationLine.objects, "bulk_update", killed_in_the_second_step)
    with pytest.raises(killer):
        run_bulk(bulk_id=made.pk, clock=clock)
    made.refresh_from_db()
    assert (made.state, made.orders_done) == ("IN_PROGRESS", 3)
    assert [result for result, _, _ in answers(made)] == ["DONE"] * 3 + [""] * 4
    assert Cancellation.objects.count() == 3
    run_bulk(bulk_id=made.pk, clock=clock)
    assert answers(made) == [("DONE", "", True)] * 7
    assert Cancellation.objects.count() == 7
    assert {order.version for order in Order.objects.all()} == {orders[0].version + 1}
    with nothing_changes():
        run_bulk(bulk_id=made.pk, clock=clock)


@pytest.mark.parametrize(
    "leave",
    [
        lambda alice: User.objects.filter(pk=alice.pk).update(is_active=False),
        lambda alice: Membership.objects.filter(user=alice).update(role="READ_ONLY"),
        lambda alice: Membership.objects.filter(user=alice).delete(),
    ],
    ids=["closed", "only looks", "removed"],
)
def test_nothing_more_is_cancelled_in_the_name_of_who_lost_the_right(cast, sent_to_worker, monkeypatch, leave):
    orders = cast.orders(4)
    made = begin(cast, orders)
    monkeypatch.setattr(bulk, "ORDERS_PER_STEP", 2)
    assert bulk._run_step(made.pk, clock)
    leave(cast.alice)
    run_bulk(bulk_id=made.pk, clock=clock)
    assert answers(made) == [("DONE", "", True)] * 2 + [("ERROR", "PERMISSION_DENIED", None)] * 2
    assert statuses(orders) == ["CANCELED"] * 2 + ["UNSHIPPED"] * 2
    made.refresh_from_db()
    assert made.state == "DONE"


def test_an_order_that_the_database_refuses_is_answered_and_the_others_go_on(cast, sent_to_worker):
    orders = cast.orders(5)
    made = begin(cast, orders)
    refuse_changes_of(orders[2])
    run_bulk(bulk_id=made.pk, clock=clock)
    assert [result for result, _, _ in answers(made)] == ["DONE", "DONE", "ERROR", "DONE", "DONE"]
    assert answers(made)[2] == ("ERROR", "FAILED", None)


def test_an_order_cancelled_before_for_the_same_reason_is_no_change(cast, sent_to_worker):
    order = cast.order()
    cast.cancel(order)
    order.refresh_from_db()
    made = begin(cast, [order])
    run_bulk(bulk_id=made.pk, clock=clock)
    assert answers(made) == [("NO_CHANGE", "", None)]


@pytest.mark.django_db(transaction=True)
def test_a_worker_leaves_a_bulk_alone_that_another_is_at(cast):
    orders = cast.orders(3)
    made = begin(cast, orders)

    def second_worker() -> None:
        try:
            run_bulk(bulk_id=made.pk, clock=clock)
        finally:
            connection.close()

    with transaction.atomic():
        assert bulk_queries.lock_bulk(made.pk) is not None
        worker = Thread(target=second_worker)
        worker.start()
        worker.join(timeout=20)
        assert not worker.is_alive(), "it waits instead of leaving"
    assert answers(made) == [("", "", None)] * 3
    run_bulk(bulk_id=made.pk, clock=clock)
    assert answers(made) == [("DONE", "", True)] * 3


def test_the_timetable_finds_what_a_dead_worker_left(cast, sent_to_worker):
    waiting, done = begin(cast, cast.orders(1)), begin(cast, cast.orders(1))
    run_bulk(bulk_id=done.pk, clock=clock)
    sent_to_worker.clear()
    assert tasks.start_waiting_bulk_cancellations() == 1
    assert sent_to_worker == [waiting.pk]


# --- results ------------------------------------------------------------------------------------------------


def test_results_are_paged_at_constant_cost(cast, alice, sent_to_worker):
    made = begin(cast, cast.orders(450))
    run_bulk(bulk_id=made.pk, clock=clock)
    address = reverse("seller:orders-cancelled", args=[made.pk])
    seen, said, cursor = [], [], ""
    while True:
        with counted_statements() as count:
            page = alice.get(address, {"cursor": cursor}).context["page"]
        seen.append([line.position for line in page.lines])
        said += count
        if not page.next_cursor:
            break
        cursor = page.next_cursor
    assert [position for each in seen for position in each] == list(range(450))
    assert [len(each) for each in seen] == [200, 200, 50]
    assert len(set(said)) == 1
    back = alice.get(address, {"cursor": page.previous_cursor}).context["page"]
    assert [line.position for line in back.lines] == seen[1]
    for nonsense in ("after-", "after-x", "before-٣", "after-" + "9" * 40, "x"):
        assert alice.get(address, {"cursor": nonsense}).context["page"].lines[0].position == 0


def test_a_foreign_bulk_is_answered_like_an_unknown_one(cast, sent_to_worker):
    made = begin(cast, cast.orders(1))
    charlie = client_of(cast.charlie)
    answer = [
        charlie.get(reverse("seller:orders-cancelled", args=[key])) for key in (made.pk, made.pk + 1, 10**30)
    ]
    assert [each.status_code for each in answer] == [404] * 3


def test_who_only_looks_has_no_boxes_and_is_refused(cast):
    order, rei = cast.order(), client_of(cast.rei)
    page = rei.get("/seller/orders/").content.decode()
    assert order.number in page
    assert "data-choose" not in page
    assert "選択した注文をキャンセル" not in page
    with nothing_changes():
        assert rei.get(PAGE, {"order": order.number}).status_code == 403
        assert rei.post(PAGE, body([order])).status_code == 403


def test_boxes_stand_where_something_can_be_done(cast, alice):
    plain, gone, partly = cast.order(), cast.order(), cast.order(2)
    cast.order(verified=False)
    cast.cancel(gone)
    cast.confirm(partly, {lines_of(partly)[0]: 1})
    page = alice.get("/seller/orders/")
    chosen = {row.order.number for row in page.context["rows"] if row.may_choose}
    assert chosen == {plain.number, partly.number}
    assert page.content.decode().count('name="order"') == 2


# --- found again, explained, filled in ----------------------------------------------------------------------


def test_the_page_without_orders_leads_to_the_latest_results_of_the_shop(cast, alice):
    running = begin(cast, cast.orders(1))
    done = [begin(cast, cast.orders(1)) for _ in range(4)]
    for each in done:
        run_bulk(bulk_id=each.pk, clock=lambda: LATER)
    page = alice.get(PAGE)
    assert [each.pk for each in page.context["recent"]] == [running.pk, *(each.pk for each in reversed(done))]
    assert f"{PAGE}{running.pk}/" in page.content.decode()
    assert PAGE in alice.get(f"{PAGE}{done[0].pk}/").content.decode()
    assert client_of(cast.charlie).get(PAGE).context["recent"] == []


def test_what_cannot_be_cancelled_is_explained_as_on_its_own_page(cast, alice):
    partly, shipped = cast.order(1, 1), cast.order()
    cast.confirm(partly, units={partly.items.order_by("pk")[0].pk: 1})
    cast.confirm(shipped)
    several = alice.get(PAGE, {"order": [partly.number, shipped.number]}).content.decode()
    for order, sentence in (
        (partly, "一部を出荷済みのため、注文全体のキャンセルはできません。"),
        (shipped, "出荷通知を送信済みのため、この注文はキャンセルできません。"),
    ):
        assert sentence in alice.get(f"/seller/orders/{order.number}/").content.decode()
        assert sentence in several


def test_the_reason_for_all_is_taken_where_none_was_chosen(cast, alice):
    plain, other = cast.orders(2)
    data = body([plain, other], "", reason_for_all=Reason.NO_INVENTORY)
    data[f"reason-{other.number}"] = Reason.OTHER
    send(alice, data)
    assert plain.cancellations.get().reason == Reason.NO_INVENTORY
    assert other.cancellations.get().reason == Reason.OTHER


def test_the_question_can_be_left_to_choose_another_reason(cast, alice):
    (order,) = cast.orders(1)
    page = alice.post(PAGE, body([order], change="1", seller_memo="電話あり"))
    assert not page.context["question"]
    assert "電話あり" in page.content.decode()
    assert not order.cancellations.exists()
