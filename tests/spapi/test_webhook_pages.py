"""The pages about webhooks: an OWNER adds one, sees what was sent, sends it again, renews its secret, ends it."""

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import Credential
from events.models import AuditEntry, Delivery
from spapi import webhooks
from spapi.actions import add_queue, mark_of
from spapi.models import Destination
from spapi.pushing import push_due
from spapi.webhooks import Network
from tests.cast import LATER, Cast
from tests.factories import PASSWORD
from tests.listening import HOST, PUBLIC, listening

from .conftest import software_of

URL = f"https://{HOST}/orders"
PAGE = "/seller/settings/webhooks/"


@pytest.fixture(autouse=True)
def network(tmp_path, monkeypatch):
    """A server that every address of the public network is."""
    with listening(tmp_path) as found:
        monkeypatch.setattr(webhooks, "INTERNET", found.network())
        yield found


@pytest.fixture
def owner(cast: Cast, client: Client) -> Client:
    client.force_login(cast.alice)
    return client


def add(owner: Client, **more):
    given = {"name": "在庫管理", "address": URL, "topics": ["ORDER_CHANGE"], "own_password": PASSWORD, **more}
    return owner.post(PAGE, given)


def test_a_new_webhook_shows_its_secret_once(owner):
    answer = add(owner)
    made = Destination.objects.get()
    assert "whsec_" in answer.content.decode()
    for page in (PAGE, reverse("seller:webhook", args=[made.pk])):
        said = owner.get(page).content.decode()
        assert URL in said
        assert "whsec_" not in said
    assert AuditEntry.objects.get(act="webhook.added").after["address"] == URL


def test_a_url_in_capitals_is_the_same_url(owner):
    add(owner, address=f"  HTTPS://{HOST.upper()}/Orders?A=B ")
    assert Destination.objects.get().address == f"https://{HOST}/Orders?A=B"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"address": "http://hooks.shop.example/"}, "https://で始まり"),
        ({"address": "https://127.0.0.1/"}, "https://で始まり"),
        ({"address": f"{URL}/{'x' * 500}"}, "500"),
        ({"address": ""}, "URLを入力してください。"),
        ({"topics": []}, "通知の種類を1つ以上選択してください。"),
        ({"topics": ["NOTHING"]}, "選択"),
        ({"name": ""}, "名前を入力してください。"),
        ({"own_password": ""}, "あなたのパスワードを入力してください。"),
        ({"own_password": "another-password"}, "パスワードが正しくありません。"),
    ],
)
def test_what_cannot_be_added_is_said_at_its_field_and_nothing_is_lost(owner, wrong, says):
    answer = add(owner, **wrong)
    said = answer.content.decode()
    assert answer.status_code == 200
    assert says in said
    assert "在庫管理" in said or "name" in wrong
    assert not Destination.objects.exists()


def test_a_name_that_leads_into_a_private_network_cannot_be_added(owner, monkeypatch):
    monkeypatch.setattr(webhooks, "INTERNET", Network(lambda host: [PUBLIC, "10.0.0.1"]))
    assert "インターネットに公開されていない" in add(owner).content.decode()

    def unknown(host: str):
        raise OSError

    monkeypatch.setattr(webhooks, "INTERNET", Network(unknown))
    assert "サーバーの名前が見つかりません" in add(owner).content.decode()
    assert not Destination.objects.exists()


def test_the_same_url_twice_and_an_eleventh_are_refused(owner):
    add(owner)
    assert "すでに登録されています" in add(owner).content.decode()
    for number in range(9):
        add(owner, address=f"{URL}/{number}")
    assert "10件まで" in add(owner, address=f"{URL}/x").content.decode()
    assert Destination.objects.count() == 10


def test_messages_are_listed_with_their_order_and_can_be_sent_again(cast: Cast, owner, network):
    add(owner)
    order = cast.order(1)
    cast.request(order)
    push_due(clock=lambda: LATER)
    made = Destination.objects.get()
    page = reverse("seller:webhook", args=[made.pk])
    said = owner.get(page).content.decode()
    assert order.number in said
    assert "送信済み" in said
    delivery = Delivery.objects.get(subscription__isnull=False)
    again = reverse("seller:webhook-again", args=[made.pk, delivery.pk])
    assert "もう一度送信します。" in owner.post(again, follow=True).content.decode()
    assert "すでに送信を待っています" in owner.post(again, follow=True).content.decode()
    push_due(clock=lambda: LATER.replace(year=LATER.year + 1))
    assert len(network.received) == 2


def test_the_list_of_messages_goes_on_page_by_page(cast: Cast, owner):
    add(owner)
    orders = cast.orders(30)
    for order in orders:
        cast.request(order)
    page = reverse("seller:webhook", args=[Destination.objects.get().pk])
    first = owner.get(page)
    assert len(first.context["sent"]) == 25
    second = owner.get(page, {"behind": first.context["go_on"]})
    assert len(second.context["sent"]) == 5
    assert owner.get(page, {"behind": "x"}).status_code == 200


def test_a_webhook_that_does_not_answer_says_so(cast: Cast, owner, monkeypatch):
    add(owner)

    def nobody(address: str, seconds: float):
        raise ConnectionRefusedError

    monkeypatch.setattr(webhooks, "INTERNET", Network(lambda host: [PUBLIC], nobody))
    cast.request(cast.order(1))
    push_due(clock=lambda: LATER)
    page = reverse("seller:webhook", args=[Destination.objects.get().pk])
    assert "このURLから応答がありません" in owner.get(page).content.decode()
    assert "応答がありません" in owner.get(PAGE).content.decode()


def test_topics_are_changed_on_its_page(owner):
    add(owner)
    made = Destination.objects.get()
    page = reverse("seller:webhook", args=[made.pk])
    topics = ["FEED_PROCESSING_FINISHED", "METRIC_STATE_CHANGED"]
    assert "保存しました" in owner.post(page, {"topics": topics}, follow=True).content.decode()
    assert "変更はありませんでした" in owner.post(page, {"topics": topics}, follow=True).content.decode()
    assert sorted(made.subscriptions.values_list("topic", flat=True)) == topics
    assert "1つ以上" in owner.post(page, {}).content.decode()


def test_a_new_secret_needs_the_own_password(owner):
    add(owner)
    made = Destination.objects.get()
    page = reverse("seller:webhook-secret", args=[made.pk])
    seen = mark_of(made)
    assert "パスワードが正しくありません" in owner.post(page, {"own_password": "x", "seen": seen}).content.decode()
    made.refresh_from_db()
    assert made.sealed_former_secret == ""
    assert "whsec_" in owner.post(page, {"own_password": PASSWORD, "seen": seen}).content.decode()
    made.refresh_from_db()
    assert made.sealed_former_secret
    again = owner.post(page, {"own_password": PASSWORD, "seen": seen}).content.decode()
    assert "秘密キーが新しくなりました" in again
    assert "whsec_" not in again
    assert "前回新しくする前のキー" in owner.get(page).content.decode()


def test_a_webhook_ends_after_a_second_question(cast: Cast, owner):
    add(owner)
    cast.request(cast.order(1))
    made = Destination.objects.get()
    page = reverse("seller:webhook-end", args=[made.pk])
    assert "終了しますか" in owner.get(page).content.decode()
    assert "Webhookを終了しました" in owner.post(page, follow=True).content.decode()
    assert not Delivery.objects.filter(subscription__isnull=False).exists()
    assert owner.get(page).status_code == 404


def test_the_queues_of_the_shops_software_are_shown_with_what_keeps_them_from_hearing(cast: Cast, owner):
    software = software_of(cast.shop, cast.alice)
    others = software_of(cast.other_shop, cast.charlie)
    arn = "arn:aws:sqs:us-west-2:123456789012:"
    for each, name in ((software, "orders"), (others, "theirs")):
        whose = {"seller_id": each.application.seller_id, "application_id": each.application.pk}
        add_queue(**whose, name="注文", arn=f"{arn}{name}", now=LATER)
    with time_machine.travel(LATER, tick=False):
        said = owner.get(PAGE).content.decode()
        assert f"{arn}orders" in said
        assert f"{arn}theirs" not in said
        assert "停止中" not in said
        Destination.objects.filter(address=f"{arn}orders").update(failures=2, last_error="NO_ACCESS")
        assert "ポータルがキューに送信する設定になっていません" in owner.get(PAGE).content.decode()
        Credential.objects.update(revoked_at=LATER)
        assert "停止中（有効なキーがありません）" in owner.get(PAGE).content.decode()
