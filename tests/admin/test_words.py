"""Operators read words, not codes."""

import ast
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from accounts.actions import set_language
from accounts.actors import Door, Role
from cancellations.policy import Reason
from cancellations.wording import sentence
from events.actions import subscriptions
from events.admin import audit
from events.wording import DOORS, EVENTS, LISTENERS, ROLES
from orders.admin import acts as order_acts
from tests.house import spoken
from tests.security.access import CHANGED_BY_HAND

from .test_forms import PASSWORD, change


def test_every_event_hand_and_way_has_words():
    assert (set(EVENTS), set(ROLES), set(DOORS)) == (set(subscriptions()), set(Role), set(Door))
    assert set(LISTENERS) == {name for listeners in subscriptions().values() for name in listeners}


def test_every_act_of_an_operator_has_words_in_the_audit_log():
    of_orders = {f"order.{name}" for name in order_acts.ACTS}
    of_forms = {f"{label}.{kind}" for label in CHANGED_BY_HAND for kind in ("added", "changed")}
    written = {act for path in spoken.modules() for act in acts_written_in(path)}
    assert set(audit.ACTS) == of_orders | of_forms | written
    assert {act.rpartition(".")[0] for act in of_orders | of_forms} <= set(audit.TABLES)


def acts_written_in(path: Path) -> set[str]:
    """The acts that a module notes under a name of its own: `act="…"`, or the first text handed to a writer."""
    found = set()
    for call in (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ):
        given = (
            [word.value for word in call.keywords if word.arg == "act"] if spoken.name_of(call) == "audit" else []
        )
        given += call.args[1:2] if spoken.name_of(call) == "note" else []
        given += call.args[:1] if spoken.name_of(call) in {"_audit", "_audit_mail_text"} else []
        words = [
            word for one in given for word in ([one.body, one.orelse] if isinstance(one, ast.IfExp) else [one])
        ]
        found |= {word.value for word in words if isinstance(word, ast.Constant)}
    return found


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("ja", ("注文を保留にしました", "オペレーターの役割: — → サポート", "人の情報を変更しました")),
        ("en", ("Put an order on hold", "Operator role: — → Support", "Changed a person")),
    ],
)
def test_the_audit_log_is_told_in_words(cast, admin, operators, language, told):
    admin.post(
        reverse("admin:orders_order_act", args=[cast.order(1, placed_at=timezone.now()).pk, "hold"]),
        {"note": "住所を確認"},
    )
    change(admin, cast.dora, operator_role="SUPPORT", **PASSWORD)
    set_language(user=operators["ADMIN"], language=language)
    shown = unescape(admin.get(reverse("admin:events_auditentry_changelist")).content.decode())
    for words in told:
        assert words in shown


def test_history_of_an_order_is_told_in_words(cast, admin):
    order = cast.order()
    cast.request(order)
    page = admin.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
    assert "キャンセルがリクエストされました" in page
    assert "注文が入りました" in page


def test_operators_read_codes_in_words_and_the_verdict_in_their_language(cast, admin, operators):
    order = cast.order(1, placed_at=timezone.now())
    cast.cancel(order, Reason.NO_INVENTORY, now=timezone.now())
    cancellation = order.cancellations.get()
    addresses = [
        reverse("admin:orders_order_change", args=[order.pk]),
        reverse("admin:cancellations_cancellation_changelist"),
        reverse("admin:cancellations_cancellation_change", args=[cancellation.pk]),
    ]
    assert "出品者へのメール" in admin.get(addresses[0]).content.decode()
    assert "mail_seller" not in admin.get(addresses[0]).content.decode()
    assert '<div class="readonly">出品者</div>' in admin.get(addresses[2]).content.decode()
    for language in ("ja", "en"):
        set_language(user=operators["ADMIN"], language=language)
        with override(language):
            wanted = sentence("SEL-1", counted=True)
        for address in addresses:
            assert wanted in unescape(admin.get(address).content.decode()), address


@pytest.mark.parametrize("path", ["/admin/", "/seller/orders/", "/admin/orders/order/"])
def test_a_page_for_others_says_whose_it_is_and_never_speaks_of_another_kind(cast, admin, client, path):
    client.force_login(cast.dora)
    answer = client.get(path, follow=True)
    assert answer.status_code == 403
    words = answer.content.decode()
    assert ("運営のオペレーターのためのページです。" in words) == path.startswith("/admin/")
    assert ("出品者の店舗で働く方のためのページです。" in words) == path.startswith("/seller/")


def test_the_preview_of_a_mail_shows_its_subject_and_the_request_queue_what_is_overdue(cast, admin):
    shown = admin.get(reverse("admin:events_mailtext_preview", args=["m04", "ja"])).content.decode()
    body = shown[shown.index("<body") :]
    assert "件名：<b>" in body
    assert "（SEL-9）" in body
    order = cast.order(1, placed_at=timezone.now() - timedelta(days=4))
    cast.request(order, now=timezone.now() - timedelta(days=3))
    queue = admin.get(reverse("admin:cancellations_cancellationrequest_changelist")).content.decode()
    assert 'class="overdue"' in queue
    assert "JST" in queue
