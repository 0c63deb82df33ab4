"""What a person sets for themselves: language and look, the mails they stop, the messages a buyer refuses."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import MailSetting, User
from accounts.queries import silenced_by, silenced_mails_of
from accounts.wording import MAY_BE_SILENCED
from tests.books import nothing_changes

SETTINGS, NOTIFICATIONS = reverse("seller:settings"), reverse("seller:notifications")
PREFERENCES = reverse("buyer:preferences")


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.mark.parametrize("address", [SETTINGS, PREFERENCES])
def test_language_and_look_are_kept_with_the_person_and_shown_at_once(cast, address):
    client = browser(cast.alice)
    answer = client.post(address, {"language": "en", "look": "dark"}, follow=True)
    cast.alice.refresh_from_db()
    assert (cast.alice.language, cast.alice.look) == ("en", "dark")
    page = answer.content.decode()
    assert "Your settings have been saved." in page
    assert '<html lang="en" data-bs-theme="dark">' in page
    assert client.cookies["django_language"].value == "en"


@pytest.mark.parametrize("sent", [{"language": "fr", "look": "dark"}, {"language": "ja", "look": "neon"}, {}])
def test_an_unknown_choice_is_answered_beside_the_field_and_changes_nothing(cast, sent):
    client = browser(cast.alice)
    with nothing_changes():
        answer = client.post(SETTINGS, sent)
    assert answer.status_code == 200
    assert "エラー：" in answer.content.decode()


def test_a_person_stops_mails_for_themselves_alone_and_takes_them_back(cast):
    client = browser(cast.alice)
    client.post(NOTIFICATIONS, {"M-14": "on"})
    assert silenced_mails_of(cast.alice.pk) == set(MAY_BE_SILENCED) - {"M-14"}
    assert silenced_mails_of(cast.bob.pk) == set()
    page = client.get(NOTIFICATIONS).content.decode()
    assert page.count(" checked") == 1
    client.post(NOTIFICATIONS, dict.fromkeys(MAY_BE_SILENCED, "on"))
    assert not MailSetting.objects.exists()


def test_saving_twice_keeps_since_when_a_mail_is_stopped(cast):
    client = browser(cast.alice)
    client.post(NOTIFICATIONS, {})
    since = dict(MailSetting.objects.values_list("mail", "silenced_at"))
    client.post(NOTIFICATIONS, {"M-14": "on"})
    assert dict(MailSetting.objects.values_list("mail", "silenced_at")) == {
        mail: since[mail] for mail in MAY_BE_SILENCED if mail != "M-14"
    }


def test_a_form_cannot_stop_a_mail_that_is_always_sent(cast):
    browser(cast.alice).post(NOTIFICATIONS, dict.fromkeys(MAY_BE_SILENCED, "on") | {"M-16": ""})
    assert not MailSetting.objects.exists()


def test_the_mails_a_person_may_stop_are_those_the_database_lets_them_stop():
    assert set(MAY_BE_SILENCED) <= set(MailSetting.Mail.values)


@pytest.mark.parametrize(
    ("language", "title"),
    [("ja", "まもなく自動キャンセルされます"), ("en", "Orders will soon be canceled automatically")],
)
def test_the_page_names_the_mails_that_are_always_sent_and_why(cast, language, title):  # fmt: skip
    client = browser(cast.alice)
    client.cookies["django_language"] = language
    User.objects.update(language=language)
    page = client.get(NOTIFICATIONS).content.decode()
    assert title in page
    assert ("キャンセル率に影響するためです。" if language == "ja" else "affects your cancellation rate.") in page


def test_who_only_looks_is_told_that_no_mails_come(cast):
    page = browser(cast.rei).get(NOTIFICATIONS).content.decode()
    assert "「閲覧のみ」の方には、店舗のメールは送信されません。" in page


def test_a_buyer_refuses_unimportant_messages_and_reads_what_still_comes(cast):
    client = browser(cast.dora)
    page = client.get(PREFERENCES).content.decode()
    assert "重要ではないメッセージを受信しない" in page
    assert "キャンセル、出荷、お支払いについてのメールと重要なメッセージは、この設定にかかわらず届きます。" in page
    sent = {"language": "ja", "look": "auto"}
    client.post(PREFERENCES, sent | {"refuses_unimportant_messages": "on"})
    cast.dora.refresh_from_db()
    assert cast.dora.refuses_unimportant_messages
    client.post(PREFERENCES, sent)
    cast.dora.refresh_from_db()
    assert not cast.dora.refuses_unimportant_messages


def test_a_sellers_settings_leave_what_they_refuse_as_a_buyer(cast):
    User.objects.filter(pk=cast.alice.pk).update(refuses_unimportant_messages=True)
    browser(cast.alice).post(SETTINGS, {"language": "ja", "look": "light"})
    cast.alice.refresh_from_db()
    assert cast.alice.refuses_unimportant_messages


def test_who_stopped_what_is_asked_for_all_people_at_once(cast):
    browser(cast.alice).post(NOTIFICATIONS, {})
    people = [cast.alice.pk, cast.bob.pk]
    assert silenced_by(people, ["M-07", "M-14"]) == {(cast.alice.pk, "M-07"), (cast.alice.pk, "M-14")}
