"""What a form of the operators may be sent by mistake or on purpose: an answer beside its field, nothing half done."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.developers import register
from accounts.models import Membership
from cancellations.models import BuyerReason, Closure
from metrics.actions import Evidence, open_dispute
from orders.admin.acts import ACTS
from tests import factories
from tests.cast import LATER, Cast
from tests.security.access import ADDED_BY_HAND, CHANGED_BY_HAND, routes
from tests.security.cast import everything

from .test_forms import PASSWORD, fields_of

NOTE = {"note": "本人からの依頼"}
# What an act on an order asks besides its note.
OF_ACTS: dict[str, dict[str, str]] = {
    "ship-by": {"ship_by_date": f"{timezone.localdate() + timedelta(days=30)}"},
    "cancel-for-seller": {"reason": "NO_INVENTORY"},
}
ODD = ("\x00", "a\x00b", "\ufffe" * 3, "x" * 1_000_000, "٣", "１" * 40, "1e3", "-0", "NaN", "=1+1", "9" * 5000)
BROKEN_LINES = ("ヤマト\r\nBcc: eve@evil.example", "a\nb", "a\rb", "a\x1bb")

# Where a form is sent, and what it sends.
Form = tuple[str, dict]


def of_order(act: str) -> Callable[[Cast, Client], Form]:
    """The form of an act, at an order that offers it."""

    def form(cast: Cast, admin: Client) -> Form:
        order = cast.order(2, verified=act != "verify-payment")
        if act == "release":
            ACTS["hold"].run(order.pk, NOTE, cast.operator, timezone.now())
            order.refresh_from_db()
        body = {**NOTE, **OF_ACTS.get(act, {}), "expected_version": str(order.version)}
        return reverse("admin:orders_order_act", args=[order.pk, act]), body

    return form


def recipient(cast: Cast, admin: Client) -> Form:
    return reverse("admin:orders_order_recipient", args=[cast.order(1).pk]), dict(NOTE)


def written(admin: Client, page: str, *keys: object, **words: str) -> Form:
    """The form that a page shows, with some words written into it."""
    address = reverse(f"admin:{page}", args=keys)
    return address, {**fields_of(admin.get(address).content.decode()), **words}


def person(cast: Cast, admin: Client) -> Form:
    words = {"name": "別の名前", "email": "dora@elsewhere.example", **PASSWORD}
    return written(admin, "accounts_user_change", cast.dora.pk, **words)


def new_person(cast: Cast, admin: Client) -> Form:
    words = {"email": "new@elsewhere.example", "name": "新人", "language": "ja"}
    return written(admin, "accounts_user_add", **words)


def password(cast: Cast, admin: Client) -> Form:
    words = {"password1": "a-long-new-secret", "password2": "a-long-new-secret", **PASSWORD}
    return reverse("admin:auth_user_password_change", args=[cast.dora.pk]), words


def own_password(cast: Cast, admin: Client) -> Form:
    words = {"new_password1": "a-long-new-secret", "new_password2": "a-long-new-secret"}
    return reverse("admin:password_change"), {"old_password": factories.PASSWORD, **words}


def second_factor(cast: Cast, admin: Client) -> Form:
    TOTPDevice.objects.create(user=cast.alice, confirmed=True)
    return reverse("admin:accounts_user_reset_second_factor", args=[cast.alice.pk]), dict(PASSWORD)


def shop(cast: Cast, admin: Client) -> Form:
    return written(admin, "accounts_seller_change", cast.shop.pk, name="別の店")


def role_in_a_shop(cast: Cast, admin: Client) -> Form:
    row = f"memberships-{Membership.objects.filter(seller=cast.shop).count()}"
    words = {f"{row}-user": cast.dora.email, f"{row}-role": "READ_ONLY", **PASSWORD}
    return written(admin, "accounts_seller_change", cast.shop.pk, **words)


def new_shop(cast: Cast, admin: Client) -> Form:
    return written(admin, "accounts_seller_add", name="新しい店", merchant_id="A9NEWSHOP")


def reason(cast: Cast, admin: Client) -> Form:
    first = BuyerReason.objects.order_by("pk").first()
    return written(admin, "cancellations_buyerreason_change", first.pk, label_ja="別の理由")


def new_reason(cast: Cast, admin: Client) -> Form:
    words = {"code": "NEW_REASON", "label_ja": "新しい理由", "label_en": "New reason", "position": "90"}
    return written(admin, "cancellations_buyerreason_add", **words)


def policy(cast: Cast, admin: Client) -> Form:
    start = timezone.localtime() + timedelta(days=1)
    words = {"starts_at_0": f"{start:%Y-%m-%d}", "starts_at_1": "09:00:00", "auto_cancel_days": "9"}
    return written(admin, "cancellations_policyversion_add", **words, reason="規約の改定")


def new_closure(cast: Cast, admin: Client) -> Form:
    today = timezone.localdate().isoformat()
    words = {"first_day": today, "last_day": today, "reason_ja": "台風", "reason_en": "Typhoon"}
    return written(admin, "cancellations_closure_add", **words)


def closure(cast: Cast, admin: Client) -> Form:
    today = timezone.localdate()
    row = Closure.objects.create(
        first_day=today, last_day=today, reason_ja="台風", reason_en="Typhoon", added_at=timezone.now()
    )
    return written(admin, "cancellations_closure_change", row.pk, reason_ja="大雪")


def dispute(cast: Cast, admin: Client) -> Form:
    order = cast.order(1)
    cast.cancel(order)
    made = open_dispute(
        seller_id=cast.shop.pk,
        cancellation_id=order.cancellations.get().pk,
        text="在庫はありました。",
        evidence=Evidence(),
        by=cast.seller,
        now=LATER,
    )
    return reverse("admin:metrics_dispute_decide", args=[made.pk]), {
        "decision": "grant",
        "reason": "記録を確認しました",
    }


def registration(cast: Cast, admin: Client) -> Form:
    made = register(
        seller_id=cast.shop.pk,
        name="在庫管理",
        purpose="注文の取得",
        contact=cast.alice.email,
        needs_approval=True,
        by=cast.seller,
        now=LATER,
    )
    return reverse("admin:accounts_application_act", args=[made.pk, "approve"]), dict(PASSWORD)


def mail_text(cast: Cast, admin: Client) -> Form:
    return written(admin, "events_mailtext_edit", "m01", "ja", subject="件名")


def preview(cast: Cast, admin: Client) -> Form:
    words = {"subject": "件名", "lead": "本文"}
    return reverse("admin:events_mailtext_preview", args=["m01", "ja"]), words


def order_file(cast: Cast, admin: Client) -> Form:
    return reverse("admin:orders_import_add"), {"seller": str(cast.shop.pk), "file": "orders.txt"}


FORMS: dict[str, Callable[[Cast, Client], Form]] = {
    **{act: of_order(act) for act in ACTS},
    "recipient": recipient,
    "person": person,
    "new person": new_person,
    "password": password,
    "own password": own_password,
    "second factor": second_factor,
    "shop": shop,
    "role in a shop": role_in_a_shop,
    "new shop": new_shop,
    "reason": reason,
    "new reason": new_reason,
    "policy": policy,
    "closure": closure,
    "new closure": new_closure,
    "dispute": dispute,
    "registration": registration,
    "mail text": mail_text,
    "preview": preview,
    "order file": order_file,
}


def test_every_form_of_the_admin_is_tried_here(cast, admin):
    pages = {resolve(form(cast, admin)[0]).view_name for form in FORMS.values()}
    by_hand = {f"admin:{label.replace('.', '_')}" for label in CHANGED_BY_HAND}
    expected = {f"{name}_change" for name in by_hand}
    expected |= {f"admin:{label.replace('.', '_')}_add" for label in ADDED_BY_HAND}
    usual = ("_add", "_change", "_changelist", "_history", "_delete")
    looks = {
        "index",
        "login",
        "logout",
        "jsi18n",
        "app_list",
        "autocomplete",
        "view_on_site",
        "password_change_done",
    }
    looks |= {
        "events_sentmail_html",
        "events_delivery_retry",
        "metrics_dispute_file",
        "metrics_ratestate_rehearse",
    }
    expected |= {
        name
        for name in routes()
        if name.startswith("admin:") and not name.endswith(usual) and name.removeprefix("admin:") not in looks
    }
    expected |= {"admin:auth_user_password_change", "admin:password_change"}
    assert pages == expected


@pytest.mark.parametrize("name", [name for name in FORMS if name != "order file"])
def test_a_form_as_it_should_be_is_taken(cast, admin, name):
    """What the tests below send is refused for what they change about it, and for nothing else."""
    address, body = FORMS[name](cast, admin)
    before = everything()
    answer = admin.post(address, body)
    assert answer.status_code == (200 if name == "preview" else 302), answer.content.decode()
    assert (everything() == before) is (name == "preview")


@pytest.mark.parametrize("name", FORMS)
def test_b30_an_empty_form_and_one_of_unknown_fields_change_nothing_and_say_what_is_missing(cast, admin, name):
    address, _body = FORMS[name](cast, admin)
    before = everything()
    for data in (
        {},
        {"status": "SHIPPED", "seller_id": "1", "is_staff": "on", "is_superuser": "on", "counted": ""},
    ):
        answer = admin.post(address, data)
        assert answer.status_code == 200
        assert 'class="errorlist' in answer.content.decode()
    assert everything() == before


@pytest.mark.parametrize("name", FORMS)
def test_b33_no_text_in_any_field_breaks_a_form(cast, admin, name):
    """NUL, half a surrogate pair, a megabyte, odd numbers, broken encodings: an answer, never an error of ours."""
    address, body = FORMS[name](cast, admin)
    most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1
    assert admin.post(address, {f"field-{number}": "1" for number in range(most)}).status_code == 400
    assert admin.post(address, b"\xff" * 100, content_type="multipart/form-data; boundary=x").status_code < 500
    raw = "&".join(f"{quote(field)}=%ED%A0%80" for field in body)
    assert admin.post(address, raw, content_type="application/x-www-form-urlencoded").status_code < 500
    for text in ODD:
        assert admin.post(address, dict.fromkeys(body, text)).status_code < 500, text[:9]
    # Alone, so that no other field's error hides what it does: what no text is, and what no number is.
    for field in body:
        for text in (ODD[0], ODD[-1]):
            assert admin.post(address, body | {field: text}).status_code < 500, (field, text[:9])


@pytest.mark.parametrize("name", FORMS)
def test_b33_what_cannot_be_stored_is_named_and_changes_nothing(cast, admin, name):
    address, body = FORMS[name](cast, admin)
    before = everything()
    for field in set(body) & TEXTS:
        for text in ("\x00", "メモ\x00です", "あ" * 300_000):
            answer = admin.post(address, body | {field: text})
            assert answer.status_code == 200, (field, text[:9])
            assert 'class="errorlist' in answer.content.decode(), (field, text[:9])
            assert everything() == before, (field, text[:9])


# The fields of all forms in which somebody writes.
TEXTS = {
    "note",
    "reason",
    "reason_ja",
    "reason_en",
    "email",
    "name",
    "merchant_id",
    "label_ja",
    "label_en",
    "code",
    "subject",
    "lead",
}
# Those of one line, which stand in heads of mails, in lists and in files.
LINES = {"email", "name", "merchant_id", "label_ja", "label_en", "code", "subject", "reason_ja", "reason_en"}


@pytest.mark.parametrize("name", FORMS)
def test_b34_a_line_break_in_a_short_text_is_named_and_changes_nothing(cast, admin, name):
    address, body = FORMS[name](cast, admin)
    before = everything()
    for field in set(body) & LINES:
        for text in BROKEN_LINES:
            answer = admin.post(address, body | {field: text})
            assert answer.status_code == 200, (field, text)
            assert 'class="errorlist' in answer.content.decode(), (field, text)
            assert everything() == before, (field, text)


@pytest.mark.parametrize("name", FORMS)
def test_b31_what_is_sent_after_signing_out_leads_to_signing_in_and_does_nothing(cast, admin, name):
    address, body = FORMS[name](cast, admin)
    before = everything()
    answer = Client().post(address, body)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?")
    assert everything() == before


@pytest.mark.parametrize("name", FORMS)
def test_b35_looking_at_a_form_does_nothing_and_without_its_token_nothing_is_sent(cast, admin, operators, name):
    address, body = FORMS[name](cast, admin)
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(operators["ADMIN"])
    before = everything()
    for method in ("get", "head"):
        assert getattr(admin, method)(address, body).status_code == 200, method
    for method in ("put", "patch", "delete"):
        assert getattr(admin, method)(address, body).status_code == 405, method
    for more in ({}, {"csrfmiddlewaretoken": "x" * 64}, {"csrfmiddlewaretoken": "\x00"}):
        answer = guarded.post(address, body | more)
        assert answer.status_code == 403
        assert "ページの有効期限が切れました。" in answer.content.decode()
    assert everything() == before


@pytest.mark.parametrize("act", ACTS)
def test_b31_an_act_sent_twice_is_done_once(cast, admin, act):
    address, body = FORMS[act](cast, admin)
    assert admin.post(address, body).status_code == 302
    before = everything()
    again = admin.post(address, body)
    assert again.status_code == 200
    assert 'class="errors"' in again.content.decode()
    assert everything() == before
