"""An OWNER lets the shop's software connect: the page, the code, its exchange at the token endpoint (sp-api 2)."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from accounts.developers import issue, revoke
from accounts.models import Credential
from accounts.rules import Scope, is_redirect
from events.models import AuditEntry
from tests.cast import Cast
from tests.factories import PASSWORD

from .conftest import NOW, Software, software_of

BACK = "https://stock.example/connected?from=portal"
CONSENT = "/apps/authorize/consent"


@pytest.fixture
def software(cast: Cast, clock) -> Software:
    made = software_of(cast.shop, cast.alice, scopes=[Scope.ORDERS_READ, Scope.FEEDS])
    made.application.redirects = [BACK]
    made.application.save()
    return made


@pytest.fixture
def owner(cast: Cast, software) -> Client:
    client = Client()
    client.force_login(cast.alice)
    return client


def asked(software: Software, **more: str) -> dict[str, str]:
    return {"application_id": software.application.client_id, "state": "s1&x", "redirect_uri": BACK} | more


def consent(owner: Client, software: Software, **more):
    present = software.application.credentials.order_by("pk").first().pk
    given = {"own_password": PASSWORD, "present": present, **more}
    return owner.post(CONSENT, given, query_params=asked(software))


def code_of(response) -> str:
    """The code in the address that leads back."""
    parts = urlsplit(response["Refresh"].removeprefix("0; url="))
    query = parse_qs(parts.query)
    assert parts._replace(query="").geturl() == BACK.partition("?")[0]
    assert query["from"] == ["portal"]
    assert query["state"] == ["s1&x"]
    return query["spapi_oauth_code"][0]


def exchange(software: Software, its_code: str, **more):
    given = {
        "grant_type": "authorization_code",
        "code": its_code,
        "client_id": software.application.client_id,
        "client_secret": software.keys.client_secret,
        "redirect_uri": BACK,
    }
    return Client().post("/auth/o2/token", given | more)


def test_the_page_says_what_the_software_would_be_allowed(owner, software):
    said = owner.get(CONSENT, asked(software)).content.decode()
    assert "ソフトウェアの接続を許可しますか？" in said
    assert "注文とキャンセルリクエストの参照" in said
    assert "出荷通知の送信" not in said
    assert "stock.example" in said
    assert "error=access_denied&amp;state=s1%26x" in said
    assert software.application.credentials.count() == 1


def test_a_consent_becomes_tokens_that_open_what_the_keys_open(cast: Cast, owner, software):
    code = code_of(consent(owner, software))
    answer = exchange(software, code)
    assert answer.status_code == 200
    given = answer.json()
    assert (given["token_type"], given["expires_in"]) == ("bearer", 3600)
    assert given["refresh_token"].startswith("Atzr|")
    assert software.ask("GET", "/sellers/v1/account", token=given["access_token"]).status_code == 200
    later = {
        "grant_type": "refresh_token",
        "refresh_token": given["refresh_token"],
        "client_id": software.application.client_id,
        "client_secret": software.keys.client_secret,
    }
    assert Client().post("/auth/o2/token", later).json()["refresh_token"] == given["refresh_token"]
    made = Credential.objects.order_by("-pk").first()
    assert (made.scopes, made.expires_at) == (["feeds", "orders:read"], NOW + timedelta(days=90))
    assert AuditEntry.objects.get(act="application.consented").user == cast.alice
    first = software.application.credentials.order_by("pk").first()
    assert first.expires_at == NOW + timedelta(days=90), "the present keys stay as they are"


def test_a_code_is_good_once(owner, software):
    code = code_of(consent(owner, software))
    assert exchange(software, code).status_code == 200
    again = exchange(software, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert "code" in again.json()["error_description"]


@pytest.mark.parametrize(("seconds", "status"), [(299, 200), (300, 400)])
def test_a_code_is_good_for_five_minutes_and_its_keys_end_with_it(owner, software, clock, seconds, status):
    code = code_of(consent(owner, software))
    clock.move_to(NOW + timedelta(seconds=seconds), tick=False)
    assert exchange(software, code).status_code == status
    made = Credential.objects.order_by("-pk").first()
    assert made.is_good(NOW + timedelta(hours=1)) == (status == 200)


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"code": "x"}, 400, "invalid_grant"),
        ({"code": ""}, 400, "invalid_request"),
        ({"client_secret": "x"}, 401, "invalid_client"),
        ({"redirect_uri": "https://stock.example/other"}, 400, "invalid_grant"),
    ],
)
def test_a_code_with_anything_wrong_is_refused_and_stays_good(owner, software, wrong, status, error):
    code = code_of(consent(owner, software))
    answer = exchange(software, code, **wrong)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert exchange(software, code).status_code == 200


def test_a_code_of_another_application_and_a_token_as_a_code_are_refused(cast: Cast, owner, software):
    code = code_of(consent(owner, software))
    other = software_of(cast.shop, cast.alice)
    assert exchange(other, code).json()["error"] == "invalid_grant"
    assert exchange(software, software.token).json()["error"] == "invalid_grant"
    assert software.ask("GET", "/sellers/v1/account", token=code).status_code == 403


def test_what_was_consented_to_is_taken_back_at_once(cast: Cast, owner, software):
    given = exchange(software, code_of(consent(owner, software))).json()
    made = Credential.objects.order_by("-pk").first()
    revoke(seller_id=cast.shop.pk, credential_id=made.pk, by=cast.seller, now=NOW)
    assert software.ask("GET", "/sellers/v1/account", token=given["access_token"]).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"application_id": "nobody"},
        {"application_id": "\x00"},
        {"state": ""},
        {"state": "x" * 2001},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": BACK + "&more=1"},
    ],
)
def test_who_sent_the_reader_wrongly_gets_nobody_back(owner, software, wrong):
    for answer in (
        owner.get(CONSENT, asked(software, **wrong)),
        owner.post(CONSENT, {}, query_params=asked(software, **wrong)),
    ):
        assert answer.status_code == 400
        assert "接続を許可できません" in answer.content.decode()
        assert "https://evil.example" not in answer.content.decode()
        assert "Refresh" not in answer
    assert software.application.credentials.count() == 1


def test_without_the_own_password_nothing_is_given(owner, software):
    for own_password in ("", "another-password"):
        answer = consent(owner, software, own_password=own_password)
        assert "Refresh" not in answer
        assert "パスワード" in answer.content.decode()
    assert software.application.credentials.count() == 1


def test_keys_issued_meanwhile_are_looked_at_first(owner, software):
    assert "別のキーが発行されました" in consent(owner, software, present=0).content.decode()
    assert software.application.credentials.count() == 1


def test_at_most_five_sets_are_good_at_a_time(owner, software):
    for _ in range(4):
        present = software.application.credentials.order_by("-pk").first().pk
        assert exchange(software, code_of(consent(owner, software, present=present))).status_code == 200
    present = software.application.credentials.order_by("-pk").first().pk
    assert "5組まで" in consent(owner, software, present=present).content.decode()


def test_a_consent_that_was_not_exchanged_is_replaced_by_the_next(owner, software):
    first, second = (code_of(consent(owner, software)) for _ in range(2))
    assert exchange(software, first).json()["error"] == "invalid_grant"
    assert exchange(software, second).status_code == 200
    assert Credential.objects.filter(revoked_at=None).count() == 2


def test_newer_keys_end_a_code_that_was_not_exchanged(cast: Cast, owner, software):
    code = code_of(consent(owner, software))
    newest = software.application.credentials.order_by("-pk").first().pk
    given = {"seller_id": cast.shop.pk, "application_id": software.application.pk, "by": cast.seller, "now": NOW}
    issue(**given, scopes=[Scope.FEEDS], days=90, newest=newest)
    assert exchange(software, code).json()["error"] == "invalid_grant"


def test_a_narrower_set_that_ended_meanwhile_lets_no_wider_one_through(cast: Cast, owner, software):
    given = {"seller_id": cast.shop.pk, "by": cast.seller, "now": NOW}
    newest = software.application.credentials.get().pk
    issue(**given, application_id=software.application.pk, scopes=[Scope.FEEDS], days=90, newest=newest)
    narrow = software.application.credentials.order_by("-pk").first()
    revoke(**given, credential_id=narrow.pk)
    assert "別のキーが発行されました" in consent(owner, software, present=narrow.pk).content.decode()


def test_software_without_good_keys_and_of_another_shop_is_not_connected(cast: Cast, owner, software):
    other = software_of(cast.other_shop, cast.charlie)
    other.application.redirects = [BACK]
    other.application.save()
    assert owner.get(CONSENT, asked(other)).status_code == 400
    Credential.objects.update(revoked_at=NOW)
    assert "有効なキーがありません" in owner.get(CONSENT, asked(software)).content.decode()


@pytest.mark.parametrize("who", ["bob", "rei", "dora"])
def test_only_an_owner_consents(cast: Cast, software, who):
    client = Client()
    client.force_login(getattr(cast, who))
    assert client.get(CONSENT, asked(software)).status_code == 403


def test_redirects_are_registered_on_their_page(owner, software):
    page = reverse("seller:redirects", args=[software.application.pk])
    wished = f"{BACK}\n\n http://localhost:8080/back \n{BACK}"
    assert "保存しました" in owner.post(page, {"redirects": wished}, follow=True).content.decode()
    software.application.refresh_from_db()
    assert software.application.redirects == [BACK, "http://localhost:8080/back"]
    assert "変更はありませんでした" in owner.post(page, {"redirects": wished}, follow=True).content.decode()
    assert "使用できません" in owner.post(page, {"redirects": "http://stock.example/"}).content.decode()
    many = "\n".join(f"https://stock.example/{number}" for number in range(6))
    assert "5件まで" in owner.post(page, {"redirects": many}).content.decode()
    assert owner.post(page, {"redirects": ""}, follow=True).status_code == 200
    software.application.refresh_from_db()
    assert software.application.redirects == []


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("https://stock.example/", True),
        ("https://stock.example:8443/a?b=c", True),
        ("http://localhost/", True),
        ("http://127.0.0.1:5000/back", True),
        ("http://stock.example/", False),
        ("https://", False),
        ("https://a@stock.example/", False),
        ("https://stock.example/#part", False),
        ("https://stock.example/ x", False),
        ("https://stock.example/\n", False),
        ("javascript:alert(1)", False),
        ("//stock.example/", False),
        ("https://stock.example:99999/", False),
        ("https://[::1/", False),
        ("https://stock.example/" + "x" * 500, False),
        ('https://stock.example/"x', False),
    ],
)
def test_where_a_consent_may_lead(address, may):
    assert is_redirect(address) == may
