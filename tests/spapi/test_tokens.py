"""Tokens: given for keys that are good, an hour long, each kind for its own; revocation holds at once (sp-api 2, 7)."""

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client

from accounts.developers import close, issue, revoke
from accounts.models import AccessToken, Credential
from accounts.tokens import forget_tokens
from spapi import problems
from tests.cast import Cast

from .conftest import NOW, Software, error_of, fresh_token

TOKEN = "/auth/o2/token"


def grant(software: Software, **given) -> dict[str, str]:
    return {
        "grant_type": "refresh_token",
        "refresh_token": software.keys.refresh_token,
        "client_id": software.application.client_id,
        "client_secret": software.keys.client_secret,
    } | given


def asked(body: dict, *, as_json: bool = False):
    if as_json:
        return Client().post(TOKEN, json.dumps(body), content_type="application/json")
    return Client().post(TOKEN, urlencode(body), content_type="application/x-www-form-urlencoded;charset=UTF-8")


@pytest.mark.parametrize("as_json", [False, True], ids=["form", "json"])
def test_a_refresh_token_gives_an_access_token_and_comes_back_itself(software, as_json):
    answer = asked(grant(software), as_json=as_json)
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "bearer", 3600)
    assert body["refresh_token"] == software.keys.refresh_token
    assert body["access_token"].startswith("Atza|")
    assert answer["Cache-Control"] == "no-store"
    assert software.ask("GET", "/sellers/v1/account", token=body["access_token"]).status_code == 200


@pytest.mark.parametrize(
    ("given", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "amzn1.application-oa2-client.nobody"}, 401, "invalid_client"),
        ({"refresh_token": "Atzr|wrong"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"client_id": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials", "scope": "everything"}, 400, "invalid_scope"),
        ({"client_id": "\x00"}, 400, "invalid_request"),
    ],
)
def test_what_is_wrong_is_said_in_the_endpoints_own_envelope(software, given, status, error):
    answer = asked(grant(software, **given))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


def test_keys_of_one_application_do_not_open_another(software, rival):
    crossed = grant(software, refresh_token=rival.keys.refresh_token)
    assert asked(crossed).json()["error"] == "invalid_grant"


def test_s20_no_token_stands_in_the_database(software):
    token = asked(grant(software)).json()["access_token"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM accounts_accesstoken AS t")
        assert token not in cursor.fetchone()[0]


def test_no_token_an_unknown_and_an_old_one_are_told_apart_in_the_clients_words(software, clock):
    assert error_of(software.ask("GET", "/orders/v0/orders", token="")) == (403, "Unauthorized", problems.MISSING)
    assert error_of(software.ask("GET", "/orders/v0/orders", token="Atza|x"))[2] == problems.REVOKED
    clock.move_to(NOW + timedelta(minutes=59, seconds=59), tick=False)
    assert software.get("/sellers/v1/account").status_code == 200
    clock.move_to(NOW + timedelta(hours=1), tick=False)
    assert error_of(software.get("/sellers/v1/account")) == (403, "Unauthorized", problems.EXPIRED)


@pytest.mark.parametrize("end", ["revoked", "registration closed", "keys ran out"])
def test_r22_what_ends_keys_ends_their_tokens_with_the_next_request(cast: Cast, software, clock, end):
    assert software.get("/sellers/v1/account").status_code == 200
    credential = Credential.objects.get()
    if end == "revoked":
        revoke(seller_id=cast.shop.pk, credential_id=credential.pk, by=cast.seller, now=NOW)
    elif end == "registration closed":
        close(application_id=software.application.pk, by=cast.seller, now=NOW)
    else:
        clock.move_to(NOW + timedelta(seconds=1), tick=False)
        Credential.objects.update(expires_at=NOW + timedelta(seconds=1))
    assert error_of(software.get("/sellers/v1/account"))[2] == problems.REVOKED
    assert asked(grant(software)).status_code in {400, 401}


def test_old_keys_go_on_beside_new_ones_for_a_week(cast: Cast, software, clock):
    new = issue(
        seller_id=cast.shop.pk,
        application_id=software.application.pk,
        scopes=["orders:read"],
        days=90,
        newest=Credential.objects.get().pk,
        by=cast.seller,
        now=NOW,
    )
    assert asked(grant(software)).status_code == 200
    clock.move_to(NOW + timedelta(days=7), tick=False)
    assert asked(grant(software)).status_code == 401
    assert fresh_token(software.application, new, now=NOW + timedelta(days=7))


def test_the_last_use_of_keys_is_noted_once_a_minute(software, clock):
    software.get("/sellers/v1/account")
    assert Credential.objects.get().last_used_at == NOW
    clock.move_to(NOW + timedelta(seconds=59), tick=False)
    software.get("/sellers/v1/account")
    assert Credential.objects.get().last_used_at == NOW
    clock.move_to(NOW + timedelta(seconds=60), tick=False)
    software.get("/sellers/v1/account")
    assert Credential.objects.get().last_used_at == NOW + timedelta(seconds=60)


def test_a_token_of_no_seller_opens_nothing_of_a_shop(software):
    body = {"grant_type": "client_credentials", "scope": "sellingpartnerapi::notifications"}
    token = asked(grant(software, **body)).json()["access_token"]
    for path in ("/orders/v0/orders", "/sellers/v1/account"):
        assert software.ask("GET", path, token=token).status_code == 403


def test_tokens_are_forgotten_a_day_after_they_ran_out(software):
    assert forget_tokens(now=NOW + timedelta(hours=24, minutes=59)) == 0
    assert forget_tokens(now=NOW + timedelta(hours=25)) == 1
    assert not AccessToken.objects.exists()


# --- restricted tokens --------------------------------------------------------------------------------------


def restricted(software: Software, *resources: dict) -> str:
    answer = software.ask(
        "POST", "/tokens/2021-03-01/restrictedDataToken", {"restrictedResources": list(resources)}
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["expiresIn"] == 3600
    return answer.json()["restrictedDataToken"]


def resource(path: str, *elements: str, method: str = "GET") -> dict:
    return {"method": method, "path": path, "dataElements": list(elements)}


def test_buyers_data_shows_only_with_a_restricted_token_and_only_what_it_names(cast: Cast, software):
    order = cast.order(1)
    path = f"/orders/v0/orders/{order.number}"
    plain = software.payload(path)
    assert set(plain["ShippingAddress"]) == {"StateOrRegion", "City", "PostalCode", "CountryCode"}
    assert set(plain["BuyerInfo"]) == {"BuyerEmail"}
    token = restricted(software, resource(path, "shippingAddress"))
    assert token.startswith("Atz.sprdt|")
    opened = software.ask("GET", path, token=token).json()["payload"]
    assert opened["ShippingAddress"]["Name"] == order.recipient.name
    assert set(opened["BuyerInfo"]) == {"BuyerEmail"}
    both = restricted(software, resource("/orders/v0/orders/{orderId}", "shippingAddress", "buyerInfo"))
    assert software.ask("GET", path, token=both).json()["payload"]["BuyerInfo"]["BuyerName"] == cast.dora.name


def test_s21_a_restricted_token_opens_no_other_address_order_or_method(cast: Cast, software):
    order, other = cast.order(1), cast.order(1)
    token = restricted(software, resource(f"/orders/v0/orders/{order.number}/address"))
    assert software.ask("GET", f"/orders/v0/orders/{order.number}/address", token=token).status_code == 200
    for method, path in (
        ("GET", f"/orders/v0/orders/{other.number}/address"),
        ("GET", f"/orders/v0/orders/{order.number}"),
        ("GET", "/orders/v0/orders"),
        ("POST", f"/orders/v0/orders/{order.number}/shipmentConfirmation"),
        ("POST", "/tokens/2021-03-01/restrictedDataToken"),
    ):
        assert software.ask(method, path, token=token).status_code == 403, path


@pytest.mark.parametrize(
    "resources",
    [
        [],
        [{"path": "/orders/v0/orders"}],
        [resource("/orders/v0/orders")],
        [resource("/orders/v0/orders", "everything")],
        [resource("/sellers/v1/account", "buyerInfo")],
        [resource("/reports/2021-06-30/documents/{reportDocumentId}")],
        [resource("/orders/v0/orders", "buyerInfo", method="TRACE")],
        [resource("/orders/v0/orders", "buyerInfo")] * 51,
    ],
)
def test_a_restricted_token_is_given_for_restricted_resources_only(software, resources):
    answer = software.ask("POST", "/tokens/2021-03-01/restrictedDataToken", {"restrictedResources": resources})
    assert error_of(answer)[:2] == (400, "InvalidRequest")
    assert not AccessToken.objects.filter(kind="RESTRICTED").exists()
