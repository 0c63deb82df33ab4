"""The second factor: who is asked, that a code is good once, and the way back for who lost it (S-13, S-14)."""

import re
import time
from base64 import b32decode
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import second_factor
from accounts.models import RecoveryCode
from events.models import AuditEntry
from tests import factories

from . import access
from .access import address_of
from .cast import OPERATOR, OWNER, Cast, everything
from .test_access_matrix import admin_address

ASK, SET_UP = "/login/second-factor/", "/second-factor/"


@pytest.fixture(autouse=True)
def as_in_production(settings):
    """The tests run in demo mode, which never asks."""
    settings.DEMO = False


@pytest.fixture
def shop(db):
    return factories.shop()


@pytest.fixture
def alice(shop):
    return factories.member(shop, "OWNER", "alice@seller.example", "中村 葵")


def sign_in(person) -> Client:
    """A browser after address and password."""
    client = Client()
    answer = client.post("/login/", {"email": person.email, "password": factories.PASSWORD})
    assert answer.status_code == 302
    return client


def code_of(device: TOTPDevice, *, steps: int = 0) -> str:
    """What the person's app shows, now or some steps of 30 seconds later."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + steps * device.step
    return f"{totp.token():06d}"


def set_up(person) -> tuple[TOTPDevice, list[str]]:
    """A confirmed device and its recovery codes; its code of this moment is used up."""
    device = second_factor.new_device(person)
    codes = second_factor.confirm(device, code_of(device), by=factories.seller_actor(person), now=timezone.now())
    assert codes
    return device, codes


def lets_in(client: Client, address: str = "/seller/") -> bool:
    return client.get(address).status_code == 200


def test_s13_an_owner_without_a_device_sets_one_up_before_anything_else(alice):
    client = sign_in(alice)
    for address in ("/", "/seller/", "/seller/orders/", "/account/", "/seller/settings/"):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith(f"{SET_UP}?next=")
    assert client.post("/seller/orders/250-1234567-1234567/cancel/")["Location"].startswith(SET_UP)
    page = client.get(SET_UP, {"next": "/seller/"}).content.decode()
    (key,) = re.findall(r'class="qr-key">([A-Z2-7 ]+)<', page)
    assert not TOTPDevice.objects.exists(), "looking keeps nothing"
    device = second_factor.new_device(alice, b32decode(key.replace(" ", "")).hex())
    assert "data:image/svg+xml" in page
    planted = client.session.session_key
    shown = client.post(SET_UP, {"code": code_of(device), "next": "/seller/"}).content.decode()
    codes = re.findall(r"<code>([A-Z2-9-]{19})</code>", shown)
    assert len(codes) == second_factor.RECOVERY_CODES
    assert client.session.session_key != planted
    assert lets_in(client)
    dump = " ".join(RecoveryCode.objects.values_list("code_hash", flat=True))
    assert not any(code in dump or code.replace("-", "") in dump for code in codes)


def test_s13_a_wrong_code_confirms_no_device(alice):
    client = sign_in(alice)
    page = client.get(SET_UP).content.decode()
    (key,) = re.findall(r'class="qr-key">([A-Z2-7 ]+)<', page)
    device = second_factor.new_device(alice, b32decode(key.replace(" ", "")).hex())
    wrong = f"{(int(code_of(device)) + 1) % 1_000_000:06d}"
    assert (
        "コードが正しくないか、すでに使用されています。" in client.post(SET_UP, {"code": wrong}).content.decode()
    )
    assert not TOTPDevice.objects.exists()
    assert not lets_in(client)


@pytest.mark.parametrize(
    "role", ["ORDER_STAFF", "READ_ONLY", "buyer", "OWNER", "SUPPORT", "RISK", "POLICY", "ADMIN", "staff"]
)
def test_s13_owners_and_operators_owe_a_second_factor_and_nobody_else(shop, role):
    if role in {"ORDER_STAFF", "READ_ONLY", "OWNER"}:
        person = factories.member(shop, role, "who@seller.example", "誰か")
    else:
        more = {"buyer": {}, "staff": {"is_staff": True}}
        fields = more.get(role, {"is_staff": True, "operator_role": role})
        person = factories.person("who@operator.example", "誰か", **fields)
    assert second_factor.must_prove(person) is (role not in {"ORDER_STAFF", "READ_ONLY", "buyer"})
    assert lets_in(sign_in(person), "/account/") is (role in {"ORDER_STAFF", "READ_ONLY", "buyer"})


def test_s13_demo_mode_never_asks(settings, alice):
    set_up(alice)
    settings.DEMO = True
    assert lets_in(sign_in(alice))


def test_s13_s14_a_code_is_asked_after_the_password_and_is_good_once(alice):
    device, _ = set_up(alice)
    client = sign_in(alice)
    asked = client.get("/seller/orders/?q=x")
    assert asked["Location"] == f"{ASK}?next=%2Fseller%2Forders%2F%3Fq%3Dx"
    assert client.get(SET_UP)["Location"].startswith(ASK), "a device is not set up anew by a password alone"
    planted, code = client.session.session_key, code_of(device, steps=1)
    done = client.post(ASK, {"code": code, "next": "/seller/orders/?q=x"})
    assert done["Location"] == "/seller/orders/?q=x"
    assert client.session.session_key != planted
    assert lets_in(client)
    other = sign_in(alice)
    assert other.post(ASK, {"code": code}).status_code == 200, "the same code came twice"
    assert not lets_in(other)


def test_s13_wrong_codes_make_everybody_wait_even_with_the_right_one(alice):
    device, _ = set_up(alice)
    client = sign_in(alice)
    right = code_of(device, steps=1)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    assert client.post(ASK, {"code": wrong}).status_code == 200
    refused = client.post(ASK, {"code": right})
    assert refused.status_code == 429
    assert "少し待ってから" in refused.content.decode()
    assert not lets_in(client)
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    assert client.post(ASK, {"code": right}).status_code == 302


def test_s11_wrong_codes_shut_nobody_out_for_long(alice):
    """However many came, the wait ends within fifteen minutes; and a recovery code passes it at once."""
    _, codes = set_up(alice)
    TOTPDevice.objects.update(throttling_failure_timestamp=timezone.now(), throttling_failure_count=30)
    client = sign_in(alice)
    assert client.post(ASK, {"code": "123456"}).status_code == 429
    assert client.post(ASK, {"code": codes[0]}).status_code == 302
    assert lets_in(client)
    long_ago = timezone.now() - timedelta(minutes=15)
    TOTPDevice.objects.update(throttling_failure_timestamp=long_ago, throttling_failure_count=30)
    device = TOTPDevice.objects.get()
    other = sign_in(alice)
    assert other.post(ASK, {"code": code_of(device, steps=1)}).status_code == 302


def test_s11_wrong_recovery_codes_make_nobody_wait(alice):
    device, _ = set_up(alice)
    client = sign_in(alice)
    for _again in range(3):
        assert client.post(ASK, {"code": "ABCD-EFGH-JKLM-NPQR"}).status_code == 200
    assert client.post(ASK, {"code": code_of(device, steps=1)}).status_code == 302


def test_setting_up_and_renewing_are_in_the_audit_log(alice):
    client = sign_in(alice)
    page = client.get(SET_UP).content.decode()
    (key,) = re.findall(r'class="qr-key">([A-Z2-7 ]+)<', page)
    device = second_factor.new_device(alice, b32decode(key.replace(" ", "")).hex())
    client.post(SET_UP, {"code": code_of(device)})
    client.post(SET_UP, {"code": code_of(device, steps=1)})
    entries = AuditEntry.objects.order_by("pk")
    assert [(entry.act, entry.user, entry.subject, entry.address) for entry in entries] == [
        ("person.second_factor_set_up", alice, alice.email, "127.0.0.1"),
        ("person.recovery_codes_renewed", alice, alice.email, "127.0.0.1"),
    ]


def test_s13_a_recovery_code_lets_in_once_however_it_is_written(alice):
    _, codes = set_up(alice)
    client = sign_in(alice)
    assert client.post(ASK, {"code": f" {codes[0].lower().replace('-', ' ')} "}).status_code == 302
    assert lets_in(client)
    other = sign_in(alice)
    assert other.post(ASK, {"code": codes[0]}).status_code == 200
    assert not lets_in(other)
    assert second_factor.recovery_codes_left(alice.pk) == second_factor.RECOVERY_CODES - 1


def test_s13_new_recovery_codes_take_a_code_of_the_app_and_end_the_old_ones(alice):
    device, codes = set_up(alice)
    client = sign_in(alice)
    client.post(ASK, {"code": codes[0]})
    assert "9" in client.get(SET_UP).content.decode()
    assert client.post(SET_UP, {"code": codes[1]}).status_code == 200
    assert second_factor.recovery_codes_left(alice.pk) == second_factor.RECOVERY_CODES - 1
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    client.post(SET_UP, {"code": code_of(device, steps=1)})
    assert second_factor.recovery_codes_left(alice.pk) == second_factor.RECOVERY_CODES
    other = sign_in(alice)
    assert other.post(ASK, {"code": codes[2]}).status_code == 200
    assert not lets_in(other)


def test_s13_another_persons_code_lets_nobody_in(alice, shop):
    set_up(alice)
    other = factories.member(shop, "OWNER", "other@seller.example", "別人")
    device, codes = set_up(other)
    client = sign_in(alice)
    assert client.post(ASK, {"code": codes[0]}).status_code == 200
    TOTPDevice.objects.update(throttling_failure_timestamp=None, throttling_failure_count=0)
    assert client.post(ASK, {"code": code_of(device, steps=1)}).status_code == 200
    assert not lets_in(client)


def test_s18_the_way_back_leads_nowhere_else(alice):
    _, codes = set_up(alice)
    client = sign_in(alice)
    for code, address in zip(
        codes, ("https://evil.example/", "//evil.example", "javascript:alert(1)"), strict=False
    ):
        client = sign_in(alice)
        assert client.post(ASK, {"code": code, "next": address})["Location"] == "/"


def test_s13_an_administrator_resets_a_lost_second_factor_and_its_sessions_are_asked_again(alice):
    _, codes = set_up(alice)
    client = sign_in(alice)
    client.post(ASK, {"code": codes[0]})
    assert lets_in(client)
    admin, support = (
        factories.person(f"{role}@operator.example", role, is_staff=True, operator_role=role.upper())
        for role in ("admin", "support")
    )
    address = reverse("admin:accounts_user_reset_second_factor", args=[alice.pk])
    for person, status in ((support, 403), (admin, 302)):
        operator = sign_in(person)
        _, their_codes = set_up(person)
        operator.post(ASK, {"code": their_codes[0]})
        assert operator.post(address, {"reason": "", "own_password": factories.PASSWORD}).status_code in {200, 403}
        assert operator.post(address, {"reason": "紛失", "own_password": "wrong"}).status_code in {200, 403}
        assert second_factor.is_set_up(alice.pk)
        answer = operator.post(address, {"reason": "紛失", "own_password": factories.PASSWORD})
        assert answer.status_code == status
    assert not second_factor.is_set_up(alice.pk)
    assert client.get("/seller/")["Location"].startswith(SET_UP)
    entry = AuditEntry.objects.get(act="accounts.user.second_factor_reset")
    assert (entry.subject, entry.reason, entry.user) == (alice.email, "紛失", admin)


# Whoever gave the password may still sign in and out, choose a language, read the help that is for everybody, and see
# whether the portal lives.
OPEN = {
    "login",
    "password-forgotten",
    "password-link",
    "password-new",
    "logout",
    "language",
    "favicon",
    "health-live",
    "health-ready",
}


@pytest.mark.parametrize("has_device", [False, True], ids=["nothing set up", "set up"])
@pytest.mark.parametrize("role", [OWNER, OPERATOR])
def test_s13_every_address_leads_whoever_gave_only_the_password_to_the_second_factor(
    cast: Cast, role: str, has_device: bool
):
    """Each route of the access table and of the admin, to look and to change; nothing else is answered or changed."""
    if has_device:
        set_up(cast.people[role])
    gate, client, wrong, before = ASK if has_device else SET_UP, cast.client(role), [], everything()
    own = {"second-factor", "second-factor-set-up"}
    addresses = {
        name: address_of(name, cast.orders[rule.order].number if rule.order else cast.rows.get(rule.row, ""))
        for name, rule in access.ACCESS.items()
    } | {name: admin_address(name, lambda _model: 1, cast) for name in access.admin_access()}
    for name, address in addresses.items():
        if name in OPEN | own or name.startswith("help:"):
            continue
        for method in ("GET", "POST", "DELETE"):
            answer = client.generic(method, address)
            if answer.status_code != 302 or not answer["Location"].startswith(f"{gate}?next=") or answer.content:
                wrong.append((name, method, answer.status_code))
    assert wrong == [], wrong
    assert everything() == before


def test_the_admin_is_behind_the_second_factor_too(db):
    olga = factories.person("omar@operator.example", "尾形 守", is_staff=True, operator_role="ADMIN")
    client = sign_in(olga)
    assert client.get("/admin/")["Location"].startswith(SET_UP)
    assert client.get("/health/status")["Location"].startswith(SET_UP)
    assert client.get("/health/live").status_code == 200
    assert client.post("/logout/").status_code == 302
