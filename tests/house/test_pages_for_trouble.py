"""Pages for trouble say what happened and lead on: an ended session, a form without its token, errors of ours."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.urls import include, path, reverse

from sellercentral import urls
from tests import factories


def broken(request):
    raise ValueError("postgresql://portal:secret@db.example at /srv/portal/orders/views.py")


urlpatterns = [path("broken", broken), path("", include("sellercentral.urls"))]
handler500 = urls.handler500

pytestmark = pytest.mark.django_db
ENDED = "セッションの有効期限が切れました。もう一度ログインしてください。"


@pytest.fixture
def alice():
    return factories.member(factories.shop(), "OWNER", "alice@seller.example", "有栖川 アリス")


def test_who_was_signed_out_meanwhile_is_told_and_comes_back(alice):
    client = Client()
    client.force_login(alice)
    client.session.flush()
    page = client.get("/seller/orders/?requested=1", follow=True)
    assert ENDED in page.content.decode()
    done = client.post(
        "/login/", {"email": alice.email, "password": factories.PASSWORD, "next": page.context["next"]}
    )
    assert done["Location"] == "/seller/orders/?requested=1"


def test_a_visitor_who_never_signed_in_is_not_told_of_an_ended_session():
    assert ENDED not in Client().get("/seller/orders/", follow=True).content.decode()


def test_a_form_without_its_token_keeps_what_was_typed_and_leads_back(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    form = {"text": "住所が<b>違う</b>ため", "password": "not to be shown"}
    answer = client.post(
        "/seller/orders/250-0000000-0000000/decline/",
        form,
        headers={"referer": "http://testserver/seller/orders/"},
    )
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "住所が&lt;b&gt;違う&lt;/b&gt;ため" in page
    assert "not to be shown" not in page
    assert 'href="/seller/orders/"' in page


def test_another_site_cannot_make_the_portal_show_its_words(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(
        "/seller/settings/", {"text": "電話してください"}, headers={"referer": "http://evil.example/x"}
    )
    assert answer.status_code == 403
    assert "電話してください" not in answer.content.decode()
    assert "evil.example" not in answer.content.decode()


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_our_own_errors_give_a_number_and_no_trace(language):
    client = Client(raise_request_exception=False)
    answer = client.get("/broken", HTTP_ACCEPT_LANGUAGE=language)
    page = answer.content.decode()
    assert answer.status_code == 500
    assert answer["X-Request-Id"] in page
    assert not re.search(r"secret|ValueError|Traceback|Django|\.py\b", page)
    assert page.count("<h1") == 1
    assert re.search(r"<title>(エラー：|Error: )", page)


def test_the_admin_finds_its_sign():
    assert Client().get("/favicon.ico")["Location"].startswith(settings.STATIC_URL)
    assert 'rel="icon"' in Client().get(reverse("login")).content.decode()
