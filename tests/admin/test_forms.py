"""What operators write by hand, what no form can change, and what ends a session."""

from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.contrib import admin as django_admin
from django.db import connection
from django.forms import inlineformset_factory
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import LoginAttempt, Membership, Seller, User
from cancellations.models import BuyerReason, PolicyVersion, SweepRun
from events.models import AuditEntry, Delivery
from orders.models import Import, ImportLine
from tests import factories
from tests.factories import NOON
from tests.security.cast import everything

from .conftest import ROLES


class FormFields(HTMLParser):
    """What the main form of a page would send, as its browser would."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs) -> None:
        given = dict(attrs)
        if tag == "select":
            self.select = given["name"]
        elif tag == "option" and "selected" in given:
            self.sent[self.select] = given["value"]
        elif tag in {"input", "textarea"} and given.get("name") and "disabled" not in given:
            kind = given.get("type")
            usual = "on" if kind == "checkbox" else ""
            if kind not in {"submit", "checkbox"} or "checked" in given:
                self.sent[given["name"]] = given.get("value") or usual


def fields_of(page: str) -> dict[str, str]:
    return FormFields(page).sent


OF_MEMBERSHIPS = {
    "memberships-TOTAL_FORMS": "0",
    "memberships-INITIAL_FORMS": "0",
    "memberships-MIN_NUM_FORMS": "0",
    "memberships-MAX_NUM_FORMS": "1000",
}


def as_shown(**fields: str) -> dict[str, str]:
    """What a form sends with these fields as its page showed them."""
    return {**{f"initial-{name}": value for name, value in fields.items()}, **fields}


def person_form(person: User, **fields) -> dict[str, str]:
    """What the form about a person sends."""
    data = {
        "email": person.email,
        "name": person.name,
        "language": person.language,
        "look": person.look,
        "operator_role": person.operator_role,
        "is_active": "on" if person.is_active else "",
    }
    data = {**as_shown(**data), "initial-is_active": str(person.is_active), **OF_MEMBERSHIPS, **fields}
    return {name: value for name, value in data.items() if value is not None}


def change(client: Client, person: User, **fields):
    return client.post(reverse("admin:accounts_user_change", args=[person.pk]), person_form(person, **fields))


# What a form asks before what reaches far.
REASON = {"reason": "本人からの依頼"}
PASSWORD = {**REASON, "own_password": factories.PASSWORD}


def test_s51_forms_of_the_admin_change_no_read_only_field(cast, admin):
    """Each form that can be sent at all is sent with every other column of its table under another value."""
    for row, more in (
        (cast.dora, person_form(cast.dora)),
        (cast.shop, as_shown(name=cast.shop.name, merchant_id=cast.shop.merchant_id) | OF_MEMBERSHIPS),
        (
            reason := BuyerReason.objects.order_by("pk").first(),
            {
                "label_ja": reason.label_ja,
                "label_en": reason.label_en,
                "position": reason.position,
                "is_active": "on",
            }
            | ({"suggests_message": "on"} if reason.suggests_message else {}),
        ),
    ):
        opts = row._meta
        model_admin = django_admin.site.get_model_admin(type(row))
        others = {field.name: "1" for field in opts.fields if field.name not in more}
        editable = set(more) | {"suggests_message", "refuses_unimportant_messages"}
        others = {name: value for name, value in others.items() if name not in editable}
        assert others, model_admin
        before = {name: value for name, value in everything().items() if name != "accounts_user"}
        answer = admin.post(
            reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk]), {**others, **more}
        )
        assert answer.status_code == 302, answer.content.decode()
        fresh = type(row).objects.get(pk=row.pk)
        for name in others:
            assert getattr(fresh, name) == getattr(row, name), (opts.label, name)
        after = {name: value for name, value in everything().items() if name != "accounts_user"}
        assert {name for name in after if after[name] != before[name]} <= {"django_session"}


def test_s51_no_list_of_the_admin_offers_to_delete(cast, admin):
    for model in django_admin.site._registry:
        page = admin.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        assert page.status_code == 200
        assert b"delete_selected" not in page.content, model


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_pages_of_the_admin_know_only_looking_and_sending(cast, admin, method):
    order = cast.order(1)
    for address in (
        reverse("admin:index"),
        reverse("admin:orders_order_changelist"),
        reverse("admin:orders_order_change", args=[order.pk]),
        reverse("admin:orders_order_act", args=[order.pk, "hold"]),
        reverse("admin:accounts_user_change", args=[cast.dora.pk]),
    ):
        assert admin.generic(method, address).status_code == 405


def test_people_shops_reasons_and_policies_changed_by_hand_are_in_the_audit_log(cast, admin, operators):
    assert change(admin, cast.dora, name="森下 春").status_code == 302
    shop = as_shown(name=cast.shop.name, merchant_id=cast.shop.merchant_id) | OF_MEMBERSHIPS | {"name": "新しい店"}
    assert admin.post(reverse("admin:accounts_seller_change", args=[cast.shop.pk]), shop).status_code == 302
    reason = BuyerReason.objects.order_by("pk").first()
    words = {"label_ja": "変更", "label_en": "Changed", "position": "9", "is_active": "on"}
    address = reverse("admin:cancellations_buyerreason_change", args=[reason.pk])
    assert admin.post(address, words).status_code == 302
    starts = timezone.localtime(timezone.now() + timedelta(days=1))
    policy = {
        "starts_at_0": f"{starts:%Y-%m-%d}",
        "starts_at_1": f"{starts:%H:%M:%S}",
        "direct_cancel_minutes": "10",
        "auto_cancel_days": "7",
        "request_response_hours": "48",
        "max_requests_per_order": "3",
        "auto_cancel_with_open_request_counts": "always",
        "ship_interlock_api": "warn",
        "rate_target": "3",
        "rate_watch": "2",
        "rate_window_days": "7",
        "rate_min_orders": "1",
        "first_warning_days": "1",
        "second_warning_days": "5",
        "last_warning_days": "7",
        "on_response_overdue": "nothing",
        "reason": "新しい方針",
    }
    answer = admin.post(reverse("admin:cancellations_policyversion_add"), policy)
    assert answer.status_code == 302, answer.content.decode()
    kept = {entry.act: entry for entry in AuditEntry.objects.all()}
    assert set(kept) == {
        "accounts.user.changed",
        "accounts.seller.changed",
        "cancellations.buyerreason.changed",
        "cancellations.policyversion.added",
    }
    of_dora = kept["accounts.user.changed"]
    assert (of_dora.subject, of_dora.user) == (cast.dora.email, operators["ADMIN"])
    assert (of_dora.before, of_dora.after) == ({"name": cast.dora.name}, {"name": "森下 春"})
    assert kept["cancellations.policyversion.added"].subject == "2"
    assert PolicyVersion.objects.get().direct_cancel_minutes == 10


def test_a_role_in_a_shop_given_and_taken_is_in_the_audit_log(cast, admin):
    given = {
        **OF_MEMBERSHIPS,
        "memberships-TOTAL_FORMS": "1",
        "memberships-0-seller": cast.shop.merchant_id,
        "memberships-0-role": "READ_ONLY",
        **PASSWORD,
    }
    assert change(admin, cast.dora, **given).status_code == 302
    membership = Membership.objects.get(user=cast.dora)
    taken = given | {
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(membership.pk),
        "memberships-0-user": str(cast.dora.pk),
        "memberships-0-DELETE": "on",
    }
    assert change(admin, cast.dora, **taken).status_code == 302
    assert not Membership.objects.filter(user=cast.dora).exists()
    given_entry, taken_entry = AuditEntry.objects.order_by("pk")
    whose = f"role {cast.dora.email} {cast.shop.merchant_id}"
    assert (given_entry.before, given_entry.after) == ({}, {whose: "READ_ONLY"})
    assert (taken_entry.before, taken_entry.after) == ({whose: "READ_ONLY"}, {})


@pytest.mark.parametrize("role", [role for role in ROLES if role != "ADMIN"])
def test_only_an_administrator_writes_people_and_shops(cast, clients, role):
    assert change(clients[role], cast.dora, name="x").status_code == 403
    assert clients[role].post(reverse("admin:accounts_user_add"), {"email": "x@y.example"}).status_code == 403
    assert clients[role].post(reverse("admin:accounts_seller_add"), {"name": "x"}).status_code == 403
    address = reverse("admin:cancellations_buyerreason_add")
    assert clients[role].get(address).status_code == (200 if role == "POLICY" else 403)


def test_s54_nobody_changes_their_own_role(admin, operators):
    own = operators["ADMIN"]
    assert change(admin, own, operator_role="SUPPORT", is_active="", **PASSWORD).status_code == 302
    own.refresh_from_db()
    assert (own.operator_role, own.is_active) == ("ADMIN", True)


def test_s54_the_last_administrator_stays(admin, operators):
    """Two administrators at once may each take the other's role; the second finds nobody left."""
    other = factories.person("second@operator.example", "Second", is_staff=True, operator_role="ADMIN")
    User.objects.filter(pk=operators["ADMIN"].pk).update(is_staff=False)
    from accounts.admin.forms import PersonForm

    request = RequestFactory().post("/")
    request.user = operators["ADMIN"]
    form_of = type(
        "Form",
        (PersonForm,),
        {"request": request, "roles": inlineformset_factory(User, Membership, fields="__all__")},
    )
    form = form_of(person_form(other, operator_role="SUPPORT", **PASSWORD), instance=other)
    assert not form.is_valid()
    assert "最後の管理者" in str(form.non_field_errors())


def test_s16_a_role_is_given_only_for_a_reason_and_the_operators_own_password(cast, admin):
    assert change(admin, cast.dora, operator_role="SUPPORT", own_password=factories.PASSWORD).status_code == 200
    assert change(admin, cast.dora, operator_role="SUPPORT").status_code == 200
    assert change(admin, cast.dora, operator_role="SUPPORT", own_password="wrong").status_code == 200
    assert User.objects.get(pk=cast.dora.pk).operator_role == ""
    assert change(admin, cast.dora, operator_role="SUPPORT", **PASSWORD).status_code == 302
    dora = User.objects.get(pk=cast.dora.pk)
    assert (dora.operator_role, dora.is_staff, dora.is_superuser) == ("SUPPORT", True, False)
    entry = AuditEntry.objects.get()
    assert (entry.reason, entry.after["operator_role"]) == (REASON["reason"], "SUPPORT")
    assert factories.PASSWORD not in str(entry.after)


def test_s16_an_operator_is_added_only_for_the_operators_own_password(admin):
    new = {"email": "new@operator.example", "name": "新人", "language": "ja", **OF_MEMBERSHIPS}
    address = reverse("admin:accounts_user_add")
    assert 'name="own_password"' in admin.get(address).content.decode()
    for more in ({}, {"own_password": factories.PASSWORD}, {**REASON, "own_password": "wrong"}):
        assert admin.post(address, {**new, "operator_role": "ADMIN", **more}).status_code == 200
    assert not User.objects.filter(email="new@operator.example").exists()
    assert admin.post(address, {**new, "operator_role": "ADMIN", **PASSWORD}).status_code == 302
    assert User.objects.get(email="new@operator.example").operator_role == "ADMIN"
    assert admin.post(address, {**new, "email": "plain@buyer.example", "operator_role": ""}).status_code == 302


def roles(*rows: dict[str, str], kept: int = 0) -> dict[str, str]:
    """What the part of a form about roles in shops sends."""
    sent = {**OF_MEMBERSHIPS, "memberships-TOTAL_FORMS": str(len(rows)), "memberships-INITIAL_FORMS": str(kept)}
    for number, row in enumerate(rows):
        sent |= {f"memberships-{number}-{name}": value for name, value in row.items()}
    return sent


def test_s16_a_role_in_a_shop_is_given_only_for_the_operators_own_password(cast, admin):
    of_dora = roles({"seller": cast.shop.merchant_id, "role": "OWNER"})
    in_shop = roles({"user": cast.dora.email.upper(), "role": "OWNER"})
    shop = {"name": cast.shop.name, "merchant_id": cast.shop.merchant_id}
    doors = (
        (reverse("admin:accounts_user_change", args=[cast.dora.pk]), person_form(cast.dora, **of_dora)),
        (reverse("admin:accounts_seller_change", args=[cast.shop.pk]), {**shop, **in_shop}),
        (reverse("admin:accounts_seller_add"), {"name": "新店", "merchant_id": "NEW1", **in_shop}),
        (
            reverse("admin:accounts_user_add"),
            {"email": "new@seller.example", "name": "新人", "language": "ja", "operator_role": "", **of_dora},
        ),
    )
    before = Membership.objects.count()
    for address, data in doors:
        for more in ({}, {"own_password": factories.PASSWORD}, {**REASON, "own_password": "wrong"}):
            assert admin.post(address, {**data, **more}).status_code == 200, address
        LoginAttempt.objects.all().delete()
    assert Membership.objects.count() == before
    for address, data in doors:
        Membership.objects.filter(user=cast.dora).delete()
        assert admin.post(address, {**data, **PASSWORD}).status_code == 302, address


def test_s54_a_shop_never_loses_its_last_owner(cast, admin):
    row = Membership.objects.get(user=cast.alice, seller=cast.shop)
    sent = {"id": str(row.pk), "user": str(cast.alice.pk)}
    taken, lowered, left = ({"role": "OWNER", "DELETE": "on"}, {"role": "READ_ONLY"}, {"role": "OWNER"})
    refusal = "店舗の最後のオーナーの役割を外すことはできません。"
    for more in (taken, lowered):
        answer = change(admin, cast.alice, **roles({**sent, **more}, kept=1), **PASSWORD)
        assert answer.status_code == 200
        assert refusal in answer.content.decode()
    away = sent | left | {"seller": cast.other_shop.merchant_id}
    change(admin, cast.alice, **roles(away, kept=1), **PASSWORD)  # a role is given and taken, never moved
    assert Membership.objects.get(pk=row.pk).seller == cast.shop
    factories.member(cast.shop, "OWNER", "second@seller.example", "二人目")
    assert change(admin, cast.alice, **roles({**sent, **taken}, kept=1), **PASSWORD).status_code == 302
    assert not Membership.objects.filter(pk=row.pk).exists()


def test_s54_somebody_who_may_not_sign_in_is_no_owner_to_keep(cast, admin):
    gone = factories.person("gone@seller.example", "退店 済", is_active=False)
    row = Membership.objects.get(user=cast.alice, seller=cast.shop)
    kept = {"id": str(row.pk), "seller": str(cast.shop.pk), "role": "READ_ONLY"}
    sent = roles(kept, {"user": gone.email, "role": "OWNER"}, kept=1)
    shop = {"name": cast.shop.name, "merchant_id": cast.shop.merchant_id}
    answer = admin.post(reverse("admin:accounts_seller_change", args=[cast.shop.pk]), {**shop, **sent, **PASSWORD})
    assert "店舗の最後のオーナーの役割を外すことはできません。" in answer.content.decode()
    assert Membership.objects.get(pk=row.pk).role == "OWNER"


@pytest.mark.parametrize("kind", ["user", "seller"])
def test_a_page_with_roles_is_sent_back_as_it_stands_with_one_thing_changed(cast, admin, kind):
    row = cast.alice if kind == "user" else cast.shop
    address = reverse(f"admin:accounts_{kind}_change", args=[row.pk])
    sent = fields_of(admin.get(address).content.decode()) | {"name": "新しい名前"}
    answer = admin.post(address, sent)
    assert answer.status_code == 302, answer.content.decode()
    row.refresh_from_db()
    assert row.name == "新しい名前"
    assert Membership.objects.filter(user=cast.alice, seller=cast.shop, role="OWNER").exists()


def test_what_somebody_else_changed_meanwhile_stays_as_it_is(cast, admin):
    """An old page, sent with one thing changed, gives no taken role back and lets nobody in again."""
    shop = reverse("admin:accounts_seller_change", args=[cast.shop.pk])
    person = reverse("admin:accounts_user_change", args=[cast.bob.pk])
    pages = {address: fields_of(admin.get(address).content.decode()) for address in (shop, person)}
    rows = list(Membership.objects.filter(seller=cast.shop).order_by("pk").values_list("user_id", flat=True))
    Membership.objects.filter(user=cast.bob).update(role="READ_ONLY")
    User.objects.filter(pk=cast.bob.pk).update(is_active=False, language="en")
    rei = f"memberships-{rows.index(cast.rei.pk)}-role"
    assert admin.post(shop, pages[shop] | PASSWORD | {rei: "ORDER_STAFF"}).status_code == 302
    assert admin.post(person, pages[person] | {"name": "別の名前"}).status_code == 302
    bob = User.objects.get(pk=cast.bob.pk)
    assert (bob.name, bob.is_active, bob.language) == ("別の名前", False, "en")
    roles = dict(Membership.objects.filter(seller=cast.shop).values_list("user__name", "role"))
    assert (roles[cast.rei.name], roles[bob.name]) == ("ORDER_STAFF", "READ_ONLY")


def test_a_role_in_a_shop_is_changed_on_its_page(cast, admin):
    address = reverse("admin:accounts_seller_change", args=[cast.shop.pk])
    sent = fields_of(admin.get(address).content.decode())
    bob = Membership.objects.get(user=cast.bob)
    (row,) = [
        name.removesuffix("-id") for name, value in sent.items() if name.endswith("-id") and value == str(bob.pk)
    ]
    assert admin.post(address, sent | {f"{row}-role": "READ_ONLY"} | PASSWORD).status_code == 302
    assert Membership.objects.get(user=cast.bob).role == "READ_ONLY"
    entry = AuditEntry.objects.get()
    whose = f"role {cast.bob.email} {cast.shop.merchant_id}"
    assert (entry.before, entry.after) == ({whose: "ORDER_STAFF"}, {whose: "READ_ONLY"})
    shown = admin.get(reverse("admin:events_auditentry_change", args=[entry.pk])).content.decode()
    assert f"役割（{cast.bob.email} {cast.shop.merchant_id}）: 注文担当 → 閲覧のみ" in shown


def test_s54_a_shops_last_owner_is_not_suspended_and_a_suspended_one_counts_as_none(cast, admin):
    answer = change(admin, cast.alice, is_active="", **PASSWORD)
    assert "店舗の最後のオーナーを無効にすることはできません。" in answer.content.decode()
    second = factories.member(cast.shop, "OWNER", "second@seller.example", "二人目")
    assert change(admin, cast.alice, is_active="", **PASSWORD).status_code == 302
    answer = change(admin, second, is_active="", **PASSWORD)
    assert "店舗の最後のオーナー" in answer.content.decode()
    assert set(User.objects.filter(is_active=False).values_list("pk", flat=True)) == {cast.alice.pk}


def test_s11_operators_guess_their_own_password_no_more_often_than_at_the_door(cast, admin):
    for _ in range(5):
        assert change(admin, cast.dora, operator_role="SUPPORT", own_password="wrong").status_code == 200
    refused = change(admin, cast.dora, operator_role="SUPPORT", **PASSWORD)
    assert refused.status_code == 200
    assert "15分後にもう一度お試しください。" in refused.content.decode()
    assert User.objects.get(pk=cast.dora.pk).operator_role == ""


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


@pytest.mark.parametrize("fields", [{"is_active": ""}, {"operator_role": "RISK"}], ids=["suspended", "new role"])
def test_s15_suspension_and_a_new_role_end_every_session_at_the_next_request(cast, admin, fields):
    dora = Client()
    dora.force_login(cast.dora)
    assert signed_in(dora)
    assert change(admin, cast.dora, **fields, **PASSWORD).status_code == 302
    assert not signed_in(dora)


def test_s15_a_new_password_ends_every_session_and_is_in_the_audit_log(cast, admin):
    dora = Client()
    dora.force_login(cast.dora)
    new = {
        "password1": "a-new-long-passphrase-9",
        "password2": "a-new-long-passphrase-9",
        "usable_password": "true",
    }
    address = reverse("admin:auth_user_password_change", args=[cast.dora.pk])
    for wrong in ({}, {"own_password": factories.PASSWORD}, {**REASON, "own_password": "wrong"}):
        assert admin.post(address, {**new, **wrong}).status_code == 200
    assert 'name="own_password"' in admin.get(address).content.decode()
    assert signed_in(dora)
    assert admin.post(address, {**new, **PASSWORD}).status_code == 302
    assert not signed_in(dora)
    assert AuditEntry.objects.get().act == "accounts.user.password_set"


def test_an_operators_own_new_password_is_in_the_audit_log_and_the_old_one_is_not_guessed(admin, operators):
    new = {"new_password1": "a-new-long-passphrase-9", "new_password2": "a-new-long-passphrase-9"}
    address = reverse("admin:password_change")
    assert admin.post(address, {**new, "old_password": "wrong"}).status_code == 200
    assert LoginAttempt.objects.get().email == operators["ADMIN"].email
    answer = admin.post(address, {**new, "old_password": factories.PASSWORD})
    assert answer["Location"] == reverse("admin:password_change_done")
    assert admin.get(answer["Location"]).status_code == 200
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.user, entry.subject) == (
        "person.password_changed",
        operators["ADMIN"],
        operators["ADMIN"].email,
    )


def test_a_shops_people_cost_a_page_no_query_for_the_name_of_each(cast, admin):
    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(reverse("admin:accounts_seller_change", args=[cast.shop.pk])).status_code == 200
        return [query["sql"] for query in captured.captured_queries]

    asked()  # which keeps that the operator was here
    few = len(asked())
    for number in range(10):
        factories.member(cast.shop, "READ_ONLY", f"p{number:02}@crowd.example", "多数")
    assert len(asked()) == few


def test_failed_deliveries_are_sent_again_one_or_many_by_those_whose_duty_it_is(cast, clients):
    order = cast.order(1, verified=False)
    Delivery.objects.filter(event__order=order).update(state=Delivery.State.FAILED, attempts=12)
    (delivery,) = Delivery.objects.filter(event__order=order)
    one = reverse("admin:events_delivery_retry", args=[delivery.pk])
    many = {"action": "try_again", "_selected_action": [delivery.pk]}
    failed = reverse("admin:events_delivery_changelist")
    assert clients["RISK"].post(one).status_code == 403
    clients["RISK"].post(failed, many)
    assert Delivery.objects.get(pk=delivery.pk).state == Delivery.State.FAILED
    assert clients["SUPPORT"].get(one).status_code == 405
    for send in (lambda: clients["SUPPORT"].post(one), lambda: clients["SUPPORT"].post(failed, many)):
        Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.FAILED, attempts=12)
        assert send().status_code == 302
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (Delivery.State.PENDING, 0)
    assert AuditEntry.objects.filter(act="deliveries.retried").count() == 2


def test_an_import_says_in_sentences_what_was_wrong_with_a_line(cast, admin):
    row = Import.objects.create(seller=cast.shop, file_name="a.txt", started_at=timezone.now(), lines_refused=1)
    ImportLine.objects.create(order_import=row, line_number=3, result="ERROR", code="QUANTITY_FORMAT")
    page = admin.get(reverse("admin:orders_import_change", args=[row.pk])).content.decode()
    assert "数量は1以上の整数で入力してください。" in page


def test_a_mail_that_fails_again_and_again_is_on_the_desk_long_before_it_gives_up(cast, admin, time_machine):
    """It is due anew after each attempt: by its due moment it would never be old."""
    order = cast.order(placed_at=NOON)
    delivery = Delivery.objects.create(
        event=order.events.get(), listener="mail_buyer", key="x", due_at=NOON + timedelta(hours=1), attempts=5
    )
    for error, waited, alarms in (("", 60, False), ("refused", 9, False), ("refused", 11, True)):
        Delivery.objects.filter(pk=delivery.pk).update(last_error=error)
        time_machine.move_to(NOON + timedelta(minutes=waited), tick=False)
        cards = {card.address: card for card in admin.get(reverse("admin:index")).context["waiting"]}
        card = cards[f"{reverse('admin:events_delivery_changelist')}?state=RETRIED"]
        assert (card.figure, card.is_late) == ("1" if error else "0", alarms)
        assert ("retries" in admin.get("/health/status").json()["late"]) is alarms
        listed = admin.get(card.address).context["cl"].result_list
        assert [row.pk for row in listed] == ([delivery.pk] if error else [])


def test_f42_the_desk_alarms_when_no_sweep_ran_for_thirty_minutes(cast, admin):
    alarm = "30分以上実行されていないか、中止されました。"
    pages = (reverse("admin:index"), reverse("admin:cancellations_sweeprun_changelist"))
    assert all(alarm in admin.get(page).content.decode() for page in pages)
    run = SweepRun.objects.create(started_at=timezone.now() - timedelta(minutes=29), cancelled=3)
    assert not any(alarm in admin.get(page).content.decode() for page in pages)
    SweepRun.objects.filter(pk=run.pk).update(started_at=timezone.now() - timedelta(minutes=31))
    assert all(alarm in admin.get(page).content.decode() for page in pages)


def test_the_policy_page_shows_the_settings_as_version_one(db, admin):
    page = admin.get(reverse("admin:cancellations_policyversion_changelist")).content.decode()
    assert "第1版（設定ファイルの値）" in page
    assert "現在適用中：第1版" in page


def test_s10_a_password_that_signing_in_would_cut_is_refused(cast, admin):
    address = reverse("admin:auth_user_password_change", args=[cast.dora.pk])
    for length, status in ((129, 200), (128, 302)):
        long = ("correct-horse-" * 10)[:length]
        assert admin.post(address, {"password1": long, "password2": long, **PASSWORD}).status_code == status
    assert Client().login(username=cast.dora.email, password=long)


def test_a_changed_address_is_in_the_audit_log_under_both(cast, admin):
    old = cast.dora.email
    assert change(admin, cast.dora, email="new@buyer.example", **PASSWORD).status_code == 302
    for address in (old, "new@buyer.example"):
        page = admin.get(reverse("admin:events_auditentry_changelist"), {"q": address}).content.decode()
        assert f"メールアドレス: {old} → new@buyer.example" in page


def test_the_history_of_a_person_and_a_shop_goes_back_through_all_of_their_names(cast, admin):
    change(admin, cast.dora, language="en")
    for address in ("second@buyer.example", "third@buyer.example"):
        change(admin, User.objects.get(pk=cast.dora.pk), email=address, **PASSWORD)
    person = admin.get(reverse("admin:accounts_user_history", args=[cast.dora.pk]), follow=True)
    assert [entry.subject for entry in person.context["cl"].result_list].count(cast.dora.email) == 2
    assert len(person.context["cl"].result_list) == 5  # a change of address stands under both
    shop = reverse("admin:accounts_seller_change", args=[cast.shop.pk])
    for changed in ({"name": "別の店"}, {"merchant_id": "ANEWID", **PASSWORD}):
        assert admin.post(shop, fields_of(admin.get(shop).content.decode()) | changed).status_code == 302
    history = admin.get(reverse("admin:accounts_seller_history", args=[cast.shop.pk]), follow=True)
    assert {entry.subject for entry in history.context["cl"].result_list} == {cast.shop.merchant_id, "ANEWID"}


def test_s16_a_form_that_claims_to_have_shown_a_role_gives_none_without_proof(cast, admin):
    forged = {"email": "x@operator.example", "name": "x", "language": "ja", "operator_role": "ADMIN"}
    forged |= {f"initial-{name}": value for name, value in forged.items()} | OF_MEMBERSHIPS
    assert admin.post(reverse("admin:accounts_user_add"), forged).status_code == 200
    assert not User.objects.filter(email="x@operator.example").exists()


def test_s16_a_sellers_id_is_changed_only_for_a_reason_and_the_operators_own_password(cast, admin):
    shop = reverse("admin:accounts_seller_change", args=[cast.shop.pk])
    shown = fields_of(admin.get(shop).content.decode())
    for proof, status in (({}, 200), (REASON, 200), (PASSWORD, 302)):
        assert admin.post(shop, shown | {"merchant_id": "ANEWID"} | proof).status_code == status
    assert Seller.objects.get(pk=cast.shop.pk).merchant_id == "ANEWID"


@pytest.mark.parametrize("written", ["a2seedling", "A 2", "Ａ２", "A2;", "", "12345", "1A"])
def test_a_sellers_id_is_plain(cast, admin, written):
    shop = {"name": "新店", "merchant_id": written, **OF_MEMBERSHIPS}
    assert admin.post(reverse("admin:accounts_seller_add"), shop).status_code == 200


@pytest.mark.parametrize(("role", "may"), [("ADMIN", True), ("POLICY", False)])
def test_a_password_is_shown_as_set_or_not_and_offered_to_who_may_set_it(cast, clients, role, may):
    address = reverse("admin:accounts_user_change", args=[cast.dora.pk])
    page = clients[role].get(address).content.decode()
    assert "設定済み" in page
    assert "argon2" not in page
    assert (reverse("admin:auth_user_password_change", args=[cast.dora.pk]) in page) is may
