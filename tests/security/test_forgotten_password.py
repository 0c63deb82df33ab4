"""S-12, S-17: a link to a new password tells nobody who exists, is good once and half an hour, and is kept nowhere."""

import io
import logging
import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.test import Client, override_settings
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts import passwords
from accounts.models import LoginAttempt, User
from accounts.passwords import GOOD_FOR, link_for, person_of_link, set_new_password
from accounts.queries import person_for_link
from events.actions import deliver_due
from events.models import AuditEntry, Delivery, Event, SentMail
from tests.books import counted_statements
from tests.factories import NOON, PASSWORD, person
from tests.races.arena import forced
from tests.security.test_access_matrix import stripped

FORGOTTEN = "/login/password/"
NEW = "a-new-long-passphrase-9"
OTHER = "another-long-passphrase-9"
LINK = re.compile(r"https?://[^\s<\"]+/login/password/[^\s<\"]+/")


@pytest.fixture
def dora(db) -> User:
    return person("dora@buyer.example", "土井 ドーラ")


def ask(email: str = "dora@buyer.example", **headers):
    return Client().post(FORGOTTEN, {"email": email}, **headers)


def deliver(clock: Callable = timezone.now) -> None:
    while deliver_due(clock=clock):
        pass


def link_in_mail() -> str:
    """The address in the newest mail."""
    deliver()
    return urlsplit(LINK.search(outbox.outbox[-1].body)[0]).path


def address_for(user: User) -> str:
    return f"{FORGOTTEN}{link_for(user, now=timezone.now())}/"


def send(link: str, password: str = NEW, again: str | None = None):
    """Follow a link and send a new password; the last answer."""
    browser = Client()
    answer = browser.get(link)
    if answer.status_code != 302:
        return answer
    given = {"password": password, "again": password if again is None else again}
    return browser.post(answer["Location"], given)


def signs_in(password: str) -> bool:
    return Client().post("/login/", {"email": "dora@buyer.example", "password": password}).status_code == 302


def test_s17_a_link_sets_a_new_password_once_and_ends_every_session(dora):
    elsewhere = Client()
    elsewhere.force_login(dora)
    ask("Dora@Buyer.example")
    link = link_in_mail()
    answer = send(link)
    assert answer["Location"] == "/login/?renewed=1"
    assert "新しいパスワードでログインしてください。" in Client().get(answer["Location"]).content.decode()
    assert (signs_in(PASSWORD), signs_in(NEW)) == (False, True)
    assert elsewhere.get("/account/").status_code == 302
    assert send(link, OTHER).status_code == 410
    assert signs_in(NEW)
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.user, entry.address) == ("person.password_reset", dora, "127.0.0.1")


def test_s17_a_link_is_good_for_half_an_hour_its_last_moment_included(dora):
    link = link_for(dora, now=NOON)
    assert person_of_link(link, now=NOON + GOOD_FOR) == dora
    assert person_of_link(link, now=NOON + GOOD_FOR + timedelta(seconds=1)) is None


def test_s17_a_link_ends_with_the_next_one_that_is_used(dora):
    first, second = address_for(dora), address_for(dora)
    assert send(second).status_code == 302
    assert send(first, OTHER).status_code == 410


@pytest.fixture
def two_at_once(transactional_db) -> Callable[[], tuple[bool, bool]]:
    """Two use one link: the second comes while the first has changed the person and is not done."""
    now = timezone.now()
    link = link_for(person("dora@buyer.example", "土井 ドーラ"), now=now)

    def use(password: str) -> bool:
        return set_new_password(link=link, password=password, address="127.0.0.1", now=now)

    return lambda: forced(lambda: use(NEW), lambda: use(OTHER))


def test_s17_of_two_who_use_one_link_at_once_one_wins(two_at_once):
    assert two_at_once() == (True, False)
    assert signs_in(NEW)


def test_s17_without_the_lock_both_would_win(two_at_once, monkeypatch):
    """The control: the second looks at the link before the first has changed anything."""
    monkeypatch.setattr(passwords, "person_for_link", lambda user_id, lock: person_for_link(user_id, lock=False))
    assert two_at_once() == (True, True)


@pytest.mark.parametrize("bend", ["", ".", "x", "MQ.x", "../../x", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA.x", "あ.い"])
def test_s17_what_is_no_link_opens_nothing(dora, bend):
    answer = Client().get(f"{FORGOTTEN}{bend}/" if bend else f"{address_for(dora)[:-2]}/")
    assert answer.status_code in {404, 410}
    assert Client().get(f"{FORGOTTEN}new/").status_code == 410


def test_s17_nobody_who_may_not_sign_in_gets_or_uses_a_link(dora):
    link = address_for(dora)
    User.objects.update(is_active=False)
    assert send(link).status_code == 410
    ask()
    deliver()
    assert outbox.outbox == []


def test_s17_a_mail_that_is_too_late_for_its_request_does_not_leave(dora):
    ask()
    deliver(lambda: timezone.now() + GOOD_FOR + timedelta(minutes=1))
    assert outbox.outbox == []
    assert Delivery.objects.get().state == "DELIVERED"


def test_s17_the_link_leads_to_the_configured_host_and_a_forged_one_gets_no_answer(dora):
    assert ask(HTTP_HOST="evil.example").status_code == 400
    assert not Event.objects.exists()
    with override_settings(SITE_URL="https://portal.example"):
        ask(HTTP_X_FORWARDED_HOST="evil.example")
        deliver()
    assert "https://portal.example/login/password/" in outbox.outbox[-1].body


def test_s12_whether_an_address_is_known_is_not_to_be_seen(dora):
    person("gone@buyer.example", "退会 済", is_active=False)
    ask("first@buyer.example")  # what a process asks for once
    answers, counts = [], []
    for email in ("dora@buyer.example", "nobody@buyer.example", "gone@buyer.example"):
        with counted_statements() as count_of:
            answers.append(ask(email))
        counts.append(count_of[0])
    assert len({(answer.status_code, answer["Location"]) for answer in answers}) == 1
    assert len({stripped(Client().get(answer["Location"])) for answer in answers}) == 1
    assert len(set(counts)) == 1
    assert Event.objects.filter(name="person.password_forgotten").count() == Delivery.objects.count() == 4
    deliver()
    assert [message.to for message in outbox.outbox] == [["dora@buyer.example"]]


def test_s11_one_account_gets_three_links_in_a_quarter_of_an_hour_and_signs_in_meanwhile(dora):
    answers = {(answer.status_code, answer["Location"]) for answer in (ask() for _ in range(5))}
    assert answers == {(302, f"{FORGOTTEN}?sent=1")}
    assert Delivery.objects.count() == 3
    assert signs_in(PASSWORD)


def test_s11_an_address_that_asks_for_ever_more_accounts_is_told_to_wait_and_may_still_sign_in(dora):
    now = timezone.now()
    LoginAttempt.objects.bulk_create(
        LoginAttempt(kind="LINK", email=f"p{number}@buyer.example", address="127.0.0.1", happened_at=now)
        for number in range(50)
    )
    answer = ask("one@more.example")
    assert answer.status_code == 429
    assert "15分後にもう一度お試しください。" in answer.content.decode()
    assert not Event.objects.exists()
    assert signs_in(PASSWORD)


def test_s11_who_failed_too_often_signs_in_at_once_with_a_new_password(dora):
    for _ in range(6):
        signs_in("wrong")
    assert not signs_in(PASSWORD)
    ask()
    send(link_in_mail())
    assert signs_in(NEW)


def test_s20_s40_the_link_is_kept_in_the_mail_alone(dora):
    """Neither by the outbox nor by the log, also where something goes wrong at the form or at the link itself."""
    with override_settings(DEMO=False):
        ask()
        link = link_in_mail()
    token = link.split("/")[-2]
    kept = SentMail.objects.get()
    assert token in outbox.outbox[-1].body
    assert token not in kept.text + kept.html
    assert not Event.objects.filter(payload__icontains=token).exists()
    browser = Client(enforce_csrf_checks=True)
    form = browser.get(link)["Location"]
    assert token not in form
    logged = io.StringIO()
    handler = logging.StreamHandler(logged)
    named = settings.LOGGING["formatters"][settings.LOGGING["handlers"]["console"]["formatter"]]
    handler.setFormatter(import_string(named["()"])(named.get("format")))
    logging.getLogger().addHandler(handler)
    try:
        assert browser.post(form, {"password": NEW, "again": NEW}).status_code == 403
        assert browser.post(link).status_code == 403
        User.objects.update(is_active=False)
        assert browser.get(link).status_code == 410
    finally:
        logging.getLogger().removeHandler(handler)
    assert "/login/password/…/" in logged.getvalue()
    assert token not in logged.getvalue()


@pytest.mark.parametrize(("leaves", "is_kept"), [("", True), ("smtp://127.0.0.1", False)])
def test_s20_a_demo_keeps_the_link_only_if_its_mails_are_read_where_they_are_kept(dora, leaves, is_kept):
    with override_settings(DEMO=True, EMAIL_URL=leaves):
        ask()
        token = link_in_mail().split("/")[-2]
    assert (token in SentMail.objects.get().text) is is_kept


def test_the_mail_speaks_its_readers_language_and_of_the_portal(dora):
    User.objects.update(language="en")
    ask()
    deliver()
    message = outbox.outbox[-1]
    assert message.subject == "[Marketplace] A new password"
    assert message.body.startswith("Marketplace Seller Portal")


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("", "", "新しいパスワードを入力してください。"),
        ("short", "short", "12"),
        ("password1234", "password1234", "一般的すぎます"),
        ("dora@buyer.example", "dora@buyer.example", "似"),
        (NEW, "something-else-entirely", "2つのパスワードが一致しません。"),
    ],
)
def test_s10_a_weak_or_mistyped_password_is_refused_in_words(dora, password, again, says):
    answer = send(address_for(dora), password, again)
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert signs_in(PASSWORD)


def test_who_was_taken_over_from_a_file_sets_a_first_password(db):
    imported = person("file@buyer.example", "取込 花子")
    imported.set_unusable_password()
    imported.save()
    ask("file@buyer.example")
    assert send(link_in_mail()).status_code == 302
    imported.refresh_from_db()
    assert imported.check_password(NEW)
