"""Software at the same moment: keys that end (R-22), polls beside late commits (R-25), one key many times (R-29)."""

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.developers import issue, revoke
from accounts.models import Credential
from accounts.rules import Scope
from cancellations.models import Cancellation
from events.idempotency import once
from events.models import Delivery
from spapi.actions import add_webhook, end_webhook
from spapi.rules import Topic
from tests.cast import Cast
from tests.factories import seller_actor
from tests.processes import eventually
from tests.races.arena import Runner, assert_cancelled_once, at_once, beside, blockers_of
from tests.spapi.conftest import NOW, Software, clock, fresh_token, software, software_of

__all__ = ["clock", "software"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_mails")]
ACCOUNT = "/sellers/v1/account"
MARKET = "A1VC38T7YXB528"


@pytest.fixture(autouse=True)
def no_limits(settings) -> None:
    settings.SPAPI_RATE_LIMITS = False


def asked(software: Software, method: str, path: str, body: object = None, *, token: str = "", **query):
    """One request by a client of its own, as another process sends it."""
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    headers = {"x-amz-access-token": token or software.token}
    return Client().generic(method, path, headers=headers, query_params=query, **sent)


def refreshed(software: Software) -> str:
    """An access token, or nothing if the keys are good no longer."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": software.keys.refresh_token,
        "client_id": software.application.client_id,
        "client_secret": software.keys.client_secret,
    }
    return Client().post("/auth/o2/token", form).json().get("access_token", "")


# --- R-22 ---------------------------------------------------------------------------------------------------


def test_r22_once_keys_are_revoked_nothing_that_was_given_for_them_opens_anything(cast: Cast, clock):
    by = seller_actor(cast.alice)
    for _ in range(5):
        software = software_of(cast.shop, cast.alice)
        old = Credential.objects.get(application=software.application)

        def end(software=software, old=old) -> None:
            revoke(seller_id=cast.shop.pk, credential_id=old.pk, by=by, now=NOW)
            # Whoever comes after this moment is refused, whenever their token was given.
            assert asked(software, "GET", ACCOUNT).status_code == 403

        def rotate(software=software, old=old):
            given = {"application_id": software.application.pk, "days": 90, "newest": old.pk, "now": NOW}
            return issue(seller_id=cast.shop.pk, scopes=list(Scope), by=by, **given)

        acts = [end, rotate, *[lambda software=software: refreshed(software)] * 6]
        _, keys, *tokens = (runner.result() for runner in at_once(*acts))
        for token in filter(None, [*tokens, software.token]):
            assert asked(software, "GET", ACCOUNT, token=token).status_code == 403
        assert refreshed(software) == ""
        newer = fresh_token(software.application, keys)
        assert asked(software, "GET", ACCOUNT, token=newer).status_code == 200, "the new keys are good"


# --- R-25 ---------------------------------------------------------------------------------------------------


def polled(software: Software, since: str) -> tuple[set[str], str]:
    """The orders of a poll, and from where the next one begins."""
    answer = asked(software, "GET", "/orders/v0/orders", MarketplaceIds=MARKET, LastUpdatedAfter=since).json()
    payload = answer["payload"]
    return {order["AmazonOrderId"] for order in payload["Orders"]}, payload["LastUpdatedBefore"]


def test_r25_a_change_that_is_committed_late_is_seen_by_the_next_poll(cast: Cast, software, clock):
    early, late = cast.order(1), cast.order(1)
    _, since = polled(software, "2026-06-01T00:00:00Z")
    clock.shift(600)
    with transaction.atomic():
        cast.request(late, now=NOW + timedelta(seconds=590))
        beside(lambda: cast.request(early, now=NOW + timedelta(seconds=595)))
        clock.shift(10)
        first, since = beside(lambda: polled(software, since))
        assert late.number not in first
    clock.shift(180)
    second, since = polled(software, since)
    assert second >= {late.number, early.number}
    requests = asked(software, "GET", "/cancellations/v1/requests").json()["payload"]
    assert {each["orderId"] for each in requests["requests"]} == {early.number, late.number}


# --- R-29 ---------------------------------------------------------------------------------------------------


def test_r29_twenty_equal_keys_at_once_are_one_cancellation(cast: Cast, software):
    for place in range(3):
        order = cast.order(1)
        path = f"/cancellations/v1/orders/{order.number}/cancellations"
        body = {"reasonCode": "NO_INVENTORY", "idempotencyKey": f"key-{place}"}
        acts = [lambda path=path, body=body: asked(software, "POST", path, body)] * 20
        answers = [runner.result() for runner in at_once(*acts)]
        done = [answer.json() for answer in answers if answer.status_code == 200]
        others = [answer.json()["errors"][0]["code"] for answer in answers if answer.status_code != 200]
        assert done
        assert all(answer == done[0] for answer in done)
        assert set(others) <= {"IN_PROGRESS"}
        assert_cancelled_once(order)


def test_r29_a_key_whose_act_takes_too_long_is_in_progress(cast: Cast, software):
    order = cast.order(1)
    owner = f"credential:{Credential.objects.get(application=software.application).pk}"

    def impatient():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '200ms'")
        path = f"/cancellations/v1/orders/{order.number}/cancellations"
        return asked(software, "POST", path, {"reasonCode": "NO_INVENTORY", "idempotencyKey": "slow"})

    def act() -> dict:
        waiting = Runner(impatient)
        waiting.start()
        answer = waiting.result()
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "IN_PROGRESS")
        return {}

    once(owner=owner, key="slow", content=["another"], now=NOW, act=act)
    assert not Cancellation.objects.exists()


# --- a webhook that ends while an act tells it ---------------------------------------------------------------


def a_webhook(cast: Cast) -> dict:
    """A webhook that is told of everything, as its end is asked for."""
    url = "https://hooks.shop.example/"
    hook, _ = add_webhook(seller=cast.shop, name="在庫", address=url, topics=list(Topic), by=cast.seller, now=NOW)
    return {"seller_id": cast.shop.pk, "destination_id": hook.pk, "by": cast.seller, "now": NOW}


def test_the_end_of_a_webhook_and_an_act_that_tells_it_never_undo_each_other(cast: Cast):
    """The act holds its subscription, uncommitted; the end waits for it, and takes its message along."""
    order = cast.order(1)
    ending = a_webhook(cast)
    behind = Runner(lambda: end_webhook(**ending))
    with transaction.atomic():
        cast.request(order, now=NOW)
        behind.start()
        eventually(lambda: blockers_of(behind), what="the end waits for the act")
    assert behind.result() is True
    assert not Delivery.objects.filter(subscription__isnull=False).exists()
    assert order.requests.get().status == "OPEN"


def test_acts_and_the_end_of_a_webhook_at_the_same_moment_all_succeed(cast: Cast):
    for _ in range(10):
        orders = [cast.order(1) for _ in range(3)]
        ending = a_webhook(cast)
        acts = [lambda order=order: cast.request(order, now=NOW) for order in orders]
        *outcomes, ended = (each.result() for each in at_once(*acts, lambda ending=ending: end_webhook(**ending)))
        assert ended is True
        assert {outcome.result for outcome in outcomes} == {"DONE"}
        assert not Delivery.objects.filter(subscription__isnull=False).exists()
