"""開発者とキー: an OWNER registers software and issues its keys, which are shown once and kept hashed (domain 14.1)."""

from datetime import timedelta
from html import unescape

import pytest
from cryptography.fernet import InvalidToken
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.developers import Refused, close, decide, issue, register, revoke
from accounts.keys import Keys, hashed, new_keys, sealed, unsealed
from accounts.models import Application, Credential, User
from accounts.queries import live_credentials
from accounts.rules import MOST_APPLICATIONS, MOST_KEYS, OVERLAP, Scope, Why
from cancellations.models import PolicyVersion
from events.models import AuditEntry
from tests import factories
from tests.cast import NOON, cast

__all__ = ["cast"]

LIST = reverse("seller:developer")
WORDS = {"name": "在庫管理", "purpose": "注文の取得", "contact": "dev@seller.example"}


def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def registered(cast, *, needs_approval=False, **words) -> Application:
    return register(
        seller_id=cast.shop.pk, **WORDS | words, needs_approval=needs_approval, by=cast.seller, now=NOON
    )


def issued(cast, application: Application, *, now=NOON, scopes=(Scope.ORDERS_READ,), days=90) -> Keys:
    newest = application.credentials.order_by("-pk").values_list("pk", flat=True).first() or 0
    return issue(
        seller_id=cast.shop.pk,
        application_id=application.pk,
        scopes=scopes,
        days=days,
        newest=newest,
        by=cast.seller,
        now=now,
    )


def form(application: Application, **fields) -> dict:
    newest = application.credentials.order_by("-pk").values_list("pk", flat=True).first() or 0
    return {
        "scopes": ["orders:read", "feeds"],
        "days": "90",
        "newest": newest,
        "own_password": factories.PASSWORD,
    } | fields


def test_an_owner_registers_issues_and_revokes_on_the_pages(cast):
    alice = browser(cast.alice)
    answer = alice.post(LIST, WORDS)
    application = Application.objects.get()
    page = reverse("seller:application", args=[application.pk])
    assert answer.headers["Location"] == page
    assert application.state == "APPROVED"
    shown = alice.post(page, form(application))
    keys = shown.context["keys"]
    text = unescape(shown.content.decode())
    for key in (keys.client_secret, keys.refresh_token, keys.access_key, keys.secret_key, keys.auth_token):
        assert key in text
    assert application.client_id in text
    credential = application.credentials.get()
    assert credential.scopes == ["feeds", "orders:read"]
    later = alice.get(page).content.decode()
    assert credential.access_key in later
    assert keys.client_secret not in later
    end = reverse("seller:keys-end", args=[application.pk, credential.pk])
    assert alice.get(end).status_code == 200
    credential.refresh_from_db()
    assert credential.revoked_at is None, "looking at the question ends nothing"
    assert alice.post(end).status_code == 302
    credential.refresh_from_db()
    assert credential.revoked_at is not None
    acts = list(AuditEntry.objects.order_by("pk").values_list("act", flat=True))
    assert acts == ["application.registered", "application.keys_issued", "application.keys_revoked"]


def test_s20_no_key_stands_in_the_database_as_it_was_shown(cast):
    keys = issued(cast, registered(cast))
    with connection.cursor() as cursor:
        for table in ("accounts_credential", "accounts_application", "events_auditentry", "events_idempotencykey"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")  # noqa: S608
            (everything,) = cursor.fetchone()
            for secret in (keys.client_secret, keys.refresh_token, keys.secret_key, keys.auth_token):
                assert secret not in everything, table
    credential = Credential.objects.get()
    assert credential.client_secret_hash == hashed(keys.client_secret)
    assert credential.refresh_token_hash == hashed(keys.refresh_token)
    assert credential.auth_token_hash == hashed(keys.auth_token)
    assert unsealed(credential.sealed_secret_key) == keys.secret_key


def test_what_was_sealed_under_an_earlier_secret_opens_while_that_is_named(settings):
    kept, before = sealed("to sign with"), settings.SECRET_KEY
    with override_settings(SECRET_KEY="a" * 60, SECRET_KEY_FALLBACKS=[before]):
        assert unsealed(kept) == "to sign with"
    with override_settings(SECRET_KEY="a" * 60, SECRET_KEY_FALLBACKS=[]), pytest.raises(InvalidToken):
        unsealed(kept)


def test_no_two_sets_of_keys_are_alike():
    made = [new_keys() for _ in range(50)]
    for part in ("client_secret", "refresh_token", "access_key", "secret_key", "auth_token"):
        assert len({getattr(keys, part) for keys in made}) == 50


def test_new_keys_leave_the_old_ones_seven_days_and_never_lengthen_them(cast):
    application = registered(cast)
    issued(cast, application)
    first = application.credentials.get()
    issued(cast, application, now=NOON + timedelta(days=1))
    first.refresh_from_db()
    assert first.expires_at == NOON + timedelta(days=1) + OVERLAP
    assert live_credentials(application, now=NOON + timedelta(days=2)).count() == 2
    issued(cast, application, now=NOON + timedelta(days=2))
    first.refresh_from_db()
    assert first.expires_at == NOON + timedelta(days=1) + OVERLAP, "a third set does not lengthen the first"
    assert first not in live_credentials(application, now=first.expires_at)


def test_a_form_sent_twice_issues_one_set(cast):
    application = registered(cast)
    alice, page = browser(cast.alice), reverse("seller:application", args=[application.pk])
    body = form(application)
    assert "keys" in alice.post(page, body).context
    again = alice.post(page, body)
    assert "別のキーが発行されました" in again.content.decode()
    assert application.credentials.count() == 1


@pytest.mark.parametrize("password", ["", "wrong"])
def test_s16_keys_are_issued_only_for_the_owners_own_password(cast, password):
    application = registered(cast)
    page = reverse("seller:application", args=[application.pk])
    assert browser(cast.alice).post(page, form(application, own_password=password)).status_code == 200
    assert not Credential.objects.exists()


@pytest.mark.parametrize("wrong", [{"scopes": []}, {"scopes": ["admin"]}, {"days": "4000"}, {"newest": "x"}])
def test_what_no_set_of_keys_has_is_refused_beside_the_form(cast, wrong):
    application = registered(cast)
    page = reverse("seller:application", args=[application.pk])
    answer = browser(cast.alice).post(page, form(application, **wrong))
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not Credential.objects.exists()


def test_only_owners_see_the_page_and_none_another_shops_registration(cast):
    application = registered(cast)
    page = reverse("seller:application", args=[application.pk])
    assert browser(cast.bob).get(LIST).status_code == 403
    rival = browser(factories.member(cast.other_shop, "OWNER", "charlie2@rival.example", "よそのオーナー"))
    assert rival.get(LIST).context["applications"] == []
    assert rival.get(page).status_code == 404
    assert rival.post(reverse("seller:application-end", args=[application.pk])).status_code == 404
    application.refresh_from_db()
    assert application.state == "APPROVED"


def test_where_the_policy_asks_for_approval_no_keys_come_before_it(cast):
    PolicyVersion.objects.create(
        number=2, starts_at=timezone.now() - timedelta(minutes=1), developer_approval=True
    )
    alice = browser(cast.alice)
    answer = alice.post(LIST, WORDS, follow=True)
    application = Application.objects.get()
    assert application.state == "PENDING"
    assert "運営の承認後に" in answer.content.decode()
    with pytest.raises(Refused) as refused:
        issued(cast, application)
    assert refused.value.why == Why.NOT_APPROVED
    assert decide(application_id=application.pk, grant=True, reason="確認しました", by=cast.operator, now=NOON)
    assert not decide(application_id=application.pk, grant=False, reason="やはり", by=cast.operator, now=NOON)
    issued(cast, application)
    assert application.credentials.count() == 1


def test_a_rejected_registration_tells_the_reason_and_its_name_is_free_again(cast):
    application = registered(cast, needs_approval=True)
    decide(application_id=application.pk, grant=False, reason="目的が不明です", by=cast.operator, now=NOON)
    page = browser(cast.alice).get(reverse("seller:application", args=[application.pk])).content.decode()
    assert "目的が不明です" in page
    assert "キーを発行する" not in page
    registered(cast)


def test_one_open_registration_of_a_name_and_no_more_than_twenty(cast):
    registered(cast)
    answer = browser(cast.alice).post(LIST, WORDS)
    assert "同じ名前の登録" in answer.content.decode()
    for number in range(MOST_APPLICATIONS - 1):
        registered(cast, name=f"在庫管理{number}")
    with pytest.raises(Refused) as refused:
        registered(cast, name="もう1つ")
    assert refused.value.why == Why.TOO_MANY_APPLICATIONS


def test_five_sets_at_most_are_good_at_the_same_time(cast):
    application = registered(cast)
    for _ in range(MOST_KEYS):
        issued(cast, application)
    with pytest.raises(Refused) as refused:
        issued(cast, application)
    assert refused.value.why == Why.TOO_MANY_KEYS
    latest = application.credentials.order_by("-pk").first()
    assert revoke(seller_id=cast.shop.pk, credential_id=latest.pk, by=cast.seller, now=NOON)
    assert not revoke(seller_id=cast.shop.pk, credential_id=latest.pk, by=cast.seller, now=NOON)
    issued(cast, application)


def test_ending_a_registration_ends_all_its_keys_at_once(cast):
    application = registered(cast)
    issued(cast, application)
    alice = browser(cast.alice)
    end = reverse("seller:application-end", args=[application.pk])
    assert "すべてのキー" in alice.get(end).content.decode()
    assert alice.post(end).status_code == 302
    application.refresh_from_db()
    assert application.state == "CLOSED"
    assert not live_credentials(application, now=NOON).exists()
    assert not close(application_id=application.pk, by=cast.seller, now=NOON)


def test_an_operator_ends_a_registration_and_the_shop_reads_why(cast):
    application = registered(cast)
    admin = browser(User.objects.create_superuser("olga@operator.example", factories.PASSWORD, name="大森 里香"))
    act = reverse("admin:accounts_application_act", args=[application.pk, "close"])
    answer = admin.post(act, {"reason": "不正な利用のため", "own_password": factories.PASSWORD})
    assert answer.status_code == 302
    application.refresh_from_db()
    assert (application.state, application.decision_reason) == ("CLOSED", "不正な利用のため")
    again = admin.post(act, {"reason": "もう一度", "own_password": factories.PASSWORD}, follow=True)
    assert "すでに変わっています" in again.content.decode()


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["orders:read", "everything"]},
        {"expires_at": F("issued_at")},
    ],
    ids=["no scope", "an unknown scope", "no time at all"],
)
def test_the_database_refuses_keys_without_scope_or_time(cast, change):
    issued(cast, registered(cast))
    with pytest.raises(IntegrityError), transaction.atomic():
        Credential.objects.update(**change)


@pytest.mark.django_db
def test_the_demo_shop_has_the_published_keys():
    call_command("create_demo_data", orders=0, verbosity=0)
    credential = Credential.objects.select_related("application", "seller").get()
    assert credential.application.client_id == "amzn1.application-oa2-client.demo0001"
    assert credential.seller.merchant_id == "A2SEEDLINGDEMO1"
    assert credential.client_secret_hash == hashed("demo-secret-2026")
    assert credential.refresh_token_hash == hashed("Atzr|demo-alice-2026")
    assert credential.access_key == "AKIADEMOPORTAL000001"
    assert unsealed(credential.sealed_secret_key) == "demo-mws-secret-2026"
    assert credential.auth_token_hash == hashed("amzn.mws.demo-alice-2026")
    assert set(credential.scopes) == set(Scope)
