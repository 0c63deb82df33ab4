"""A shop's own rules: a longer window for its buyers (P4, E36), requests approved by themselves (domain 8, B18)."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from cancellations import queries
from cancellations.actions import approve_by_rules, set_shop_rules
from cancellations.models import Cancellation, CancellationRequest, SellerRules
from cancellations.policy import AskedFor, Refusal, ShopRules, approves_by_itself
from events.actions import NotYet
from events.models import AuditEntry
from orders.actions import note_slips_printed
from orders.outcomes import Result
from tests.cast import LATER, NOON, Cast, deliver, last_event, lines_of

REASON = "NO_LONGER_NEEDED"
PAGE = reverse("seller:rules")


def rules(cast: Cast, **fields) -> ShopRules:
    """Let rules hold in the shop."""
    chosen = ShopRules(**{"approves": True, "reasons": frozenset({REASON})} | fields)
    set_shop_rules(seller_id=cast.shop.pk, rules=chosen, by=cast.seller, now=NOON)
    return chosen


def asked(**fields) -> AskedFor:
    """A request for an order of 1,000 yen, an hour after it was placed."""
    facts = {
        "reason_code": REASON,
        "placed_at": NOON,
        "requested_at": LATER,
        "amount": Decimal(1000),
        "slip_printed_at": None,
    }
    return AskedFor(**facts | fields)


# --- the rules, pure ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("_case", "shop", "facts", "approved"),
    [
        ("a reason of the list", {}, {}, True),
        ("another reason", {}, {"reason_code": "OTHER"}, False),
        ("switched off", {"approves": False}, {}, False),
        ("exactly the highest amount", {"max_amount": Decimal(1000)}, {}, True),
        ("a yen above it", {"max_amount": Decimal(999)}, {}, False),
        ("an unknown amount, with a highest one", {"max_amount": Decimal(999)}, {"amount": None}, False),
        ("an unknown amount, without one", {}, {"amount": None}, True),
        ("less, of another currency, with a highest one", {"max_amount": Decimal(1000)}, {"currency": "USD"}, False),
        ("another currency, without one", {}, {"currency": "USD"}, True),
        ("at the last instant of the hours", {"max_hours": 1}, {}, True),
        ("a microsecond later", {"max_hours": 1}, {"requested_at": LATER + timedelta(microseconds=1)}, False),
        ("after the slip was printed", {}, {"slip_printed_at": LATER - timedelta(minutes=1)}, False),
        ("before the slip was printed", {}, {"slip_printed_at": LATER + timedelta(minutes=1)}, True),
        ("printed, and the shop does not mind", {"only_before_slip": False}, {"slip_printed_at": NOON}, True),
    ],
)  # fmt: skip
def test_what_a_shop_lets_be_approved(_case, shop, facts, approved):
    chosen = ShopRules(**{"approves": True, "reasons": frozenset({REASON})} | shop)
    assert approves_by_itself(chosen, asked(**facts)) is approved


# --- a longer window ----------------------------------------------------------------------------------------


def test_a_shop_that_allows_two_hours_lets_its_buyer_cancel_alone_after_ninety_minutes(cast: Cast):  # E36
    rules(cast, direct_cancel_minutes=120)
    order, shipped = cast.order(1), cast.order(1)
    cast.confirm(shipped)
    at = NOON + timedelta(minutes=90)
    assert cast.cancel_alone(order, now=at).result == Result.DONE
    assert Cancellation.objects.get(order=order).code == "BUY-0"
    assert cast.cancel_alone(shipped, now=at).code == Refusal.ORDER_NOT_CANCELABLE


def test_the_longer_window_ends_to_the_microsecond_and_is_no_other_shops(cast: Cast):
    rules(cast, direct_cancel_minutes=120)
    end = NOON + timedelta(hours=2)
    late, in_time = cast.order(1), cast.order(1)
    assert cast.cancel_alone(late, now=end + timedelta(microseconds=1)).code == Refusal.DIRECT_WINDOW_ELAPSED
    assert cast.cancel_alone(in_time, now=end).result == Result.DONE
    set_shop_rules(seller_id=cast.shop.pk, rules=ShopRules(), by=cast.seller, now=NOON)
    assert cast.cancel_alone(cast.order(1), now=LATER).code == Refusal.DIRECT_WINDOW_ELAPSED


def test_the_buyer_sees_the_longer_window_in_the_list_and_on_the_order(cast: Cast, client: Client, time_machine):
    rules(cast, direct_cancel_minutes=120)
    order = cast.order(1)
    client.force_login(cast.dora)
    time_machine.move_to(NOON + timedelta(minutes=90), tick=False)
    for path in (reverse("buyer:orders"), reverse("buyer:order", args=[order.number])):
        assert "商品をキャンセル" in client.get(path).content.decode()
    time_machine.move_to(NOON + timedelta(hours=3), tick=False)
    page = client.get(reverse("buyer:orders")).content.decode()
    assert "商品をキャンセル" not in page
    assert "ご注文から2時間が経過したため" in page


def test_the_database_refuses_a_window_beyond_72_hours_and_an_approval_for_no_reason(cast: Cast):
    for fields in ({"direct_cancel_minutes": 4321}, {"approves": True, "reasons": []}, {"max_amount": 0}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SellerRules.objects.create(seller=cast.shop, changed_at=NOON, **fields)


# --- approval by rules --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_mails")
def test_a_request_that_fits_is_approved_by_the_system_and_never_counts(cast: Cast):
    rules(cast)
    order = cast.order(2)
    cast.request(order)
    deliver()
    done = Cancellation.objects.get(order=order)
    assert (done.role, done.reason, done.code, done.counted) == ("SYSTEM", "BUYER_CANCELED", "BUY-1", False)
    assert CancellationRequest.objects.get(order=order).status == "APPROVED"
    assert (last_event(order).role, last_event(order).door) == ("SYSTEM", "RULES")


@pytest.mark.usefixtures("no_mails")
def test_a_request_for_some_units_is_approved_for_those_alone(cast: Cast):
    rules(cast)
    order = cast.order(2, 1)
    cast.request(order, {lines_of(order)[0]: 1})
    deliver()
    order.refresh_from_db()
    assert order.status == "UNSHIPPED"
    assert Cancellation.objects.get(order=order).items.get().quantity == 1


@pytest.mark.usefixtures("no_mails")
def test_what_does_not_fit_waits_for_the_shop(cast: Cast):
    rules(cast, max_amount=Decimal(1000))
    printed = cast.order(1)
    dear = cast.order(2)
    note_slips_printed([printed.pk], now=NOON)
    for order in (printed, dear):
        cast.request(order)
        assert not order.events.get(name="cancellation.requested").deliveries.filter(listener="approve")
    deliver()
    assert CancellationRequest.objects.filter(status="OPEN").count() == 2


@pytest.mark.usefixtures("no_mails")
def test_whoever_was_quicker_than_the_rules_wins(cast: Cast):
    rules(cast)
    withdrawn, declined, held = (cast.order(1) for _ in range(3))
    for order in (withdrawn, declined, held):
        cast.request(order)
    cast.withdraw(withdrawn)
    cast.decline(declined)
    held.on_hold, held.held_at = True, LATER
    held.save(update_fields=["on_hold", "held_at"])
    deliver()
    assert not Cancellation.objects.exists()


@pytest.mark.usefixtures("no_mails")
def test_rules_that_were_switched_off_meanwhile_approve_nothing(cast: Cast):
    rules(cast)
    order = cast.order(1)
    cast.request(order)
    set_shop_rules(seller_id=cast.shop.pk, rules=ShopRules(), by=cast.seller, now=LATER)
    deliver()
    assert not Cancellation.objects.exists()


def test_an_order_that_changes_under_the_rules_is_looked_at_again(cast: Cast, monkeypatch):
    rules(cast)
    order = cast.order(2)
    cast.request(order)
    request = CancellationRequest.objects.get()
    look = queries.asked_for

    def changed_meanwhile(of, asked_for):
        monkeypatch.setattr(queries, "asked_for", look)
        cast.confirm(order, {lines_of(order)[0]: 1})
        return look(of, asked_for)

    monkeypatch.setattr(queries, "asked_for", changed_meanwhile)
    with pytest.raises(NotYet):
        approve_by_rules(request_id=request.pk, now=LATER)
    assert approve_by_rules(request_id=request.pk, now=LATER) is True


def test_the_mails_say_that_a_rule_approved(cast: Cast, mailoutbox):
    rules(cast)
    cast.request(cast.order(1))
    deliver()
    (told,) = {
        mail.body
        for mail in mailoutbox
        if "注文キャンセル完了" in mail.subject and mail.to == ["bob@seller.example"]
    }
    assert "店舗の自動承認ルールに合うリクエストのため、承認されました。" in told
    assert "キャンセル率への影響：なし" in told


# --- the page -----------------------------------------------------------------------------------------------

FORM = {"direct_cancel_minutes": "0", "approves": "on", "reasons": [REASON], "only_before_slip": "on"}


@pytest.fixture
def owner(cast: Cast, client: Client, time_machine) -> Client:
    """alice, two hours after noon."""
    time_machine.move_to(NOON + timedelta(hours=2), tick=False)
    client.force_login(cast.alice)
    return client


def test_trying_rules_shows_which_requests_they_would_have_approved_and_keeps_nothing(cast: Cast, owner: Client):
    cheap, dear = cast.order(1), cast.order(3)
    for order in (cheap, dear):
        cast.request(order)
    page = owner.post(PAGE, FORM | {"max_amount": "１，５００円", "try": "1"}).content.decode()
    assert "直近2件のリクエストのうち、1件が自動で承認されたことになります。" in page
    assert cheap.number in page
    assert dear.number not in page
    assert not SellerRules.objects.exists()


def test_kept_rules_hold_and_stand_in_the_audit_log(cast: Cast, owner: Client):
    sent = FORM | {"direct_cancel_minutes": "120", "max_amount": "3000", "max_hours": "24"}
    assert owner.post(PAGE, sent).status_code == 302
    row = SellerRules.objects.get()
    assert (row.direct_cancel_minutes, row.max_amount, row.max_hours) == (120, 3000, 24)
    noted = AuditEntry.objects.get(act="shop_rules.changed")
    assert (noted.before["approves"], noted.after["approves"]) == (False, True)
    assert owner.post(PAGE, sent).status_code == 302
    assert AuditEntry.objects.filter(act="shop_rules.changed").count() == 1
    assert 'value="3000"' in owner.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("direct_cancel_minutes", "99999", "時間を選択してください。"),
        ("direct_cancel_minutes", "", "時間を選択してください。"),
        ("reasons", [], "自動承認する理由を、1つ以上選択してください。"),
        ("reasons", ["NO_SUCH"], "選択できない理由です。"),
        ("max_amount", "-1", "上限を、1以上の数字で入力してください。"),
        ("max_amount", "たくさん", "上限を、1以上の数字で入力してください。"),
        ("max_amount", "1" * 30, "上限を、1以上の数字で入力してください。"),
        ("max_hours", "0", "時間を、1から720までの数字で入力してください。"),
        ("max_hours", "1.5", "時間を、1から720までの数字で入力してください。"),
    ],
)
def test_what_cannot_be_a_rule_is_said_beside_its_field(owner: Client, field, value, says):
    page = owner.post(PAGE, FORM | {field: value})
    assert page.status_code == 200
    assert says in page.content.decode()
    assert not SellerRules.objects.exists()


@pytest.mark.parametrize("name", ["bob", "rei", "dora"])
def test_only_the_owner_sets_rules(cast: Cast, client: Client, name: str):
    client.force_login(getattr(cast, name))
    assert client.post(PAGE, FORM).status_code == 403


def test_a_slip_opened_for_printing_is_remembered_once(cast: Cast, owner: Client, time_machine):
    order = cast.order(1)
    path = reverse("seller:order-packing-slip", args=[order.number])
    owner.head(path)
    order.refresh_from_db()
    assert order.slip_printed_at is None
    owner.get(path)
    time_machine.shift(60)
    owner.get(path)
    version, order = order.version, type(order).objects.get(pk=order.pk)
    assert order.slip_printed_at == NOON + timedelta(hours=2)
    assert order.version == version
