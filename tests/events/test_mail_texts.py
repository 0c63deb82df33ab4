"""The operator's wording of a mail: checked placeholders, preview, the way back, the fall-back (domain 18, S-30)."""

import re

import pytest
from django.core import mail as outbox
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from accounts.actions import silence_mails
from accounts.models import User
from cancellations.policy import Reason
from events.actions import audit, reset_mail_text, set_mail_text
from events.models import AuditEntry, MailText
from events.wording import MAILS, UnusableText, check_text
from orders.mails import preview, shipped_text
from orders.views.history import Story
from tests import factories
from tests.books import nothing_changes
from tests.cast import deliver
from tests.factories import NOON, operator_actor

WORDS = {"mail": "m04", "language": "ja", "subject": "{brand}：{order}", "lead": "{seller} さま\n完了です。"}


def write(**words) -> None:
    set_mail_text(**WORDS | words, by=operator_actor(), now=NOON, address="192.0.2.1")


def cancel_one(cast):
    order = cast.order()
    cast.cancel(order, Reason.NO_INVENTORY)
    deliver()
    return order


def to(address: str):
    (message,) = [message for message in outbox.outbox if message.to == [address]]
    return message


def test_a_mail_goes_out_in_the_operators_words_and_still_says_what_it_must(cast):
    write()
    order = cancel_one(cast)
    message = to("alice@seller.example")
    assert message.subject == f"マーケットプレイス：{order.number}"
    assert "シードリング商店 さま\n完了です。" in message.body
    page = message.alternatives[0].content
    assert "シードリング商店 さま<br>完了です。" in page
    for words in (message.body, page):
        assert "注文のキャンセルが完了しました。" not in words
        assert "在庫切れ" in words
        assert "SEL-1" in words


def test_a_mail_of_two_cases_says_which_it_is_under_any_first_paragraph(cast):
    assert shipped_text("m05", language="ja")[1] == ""
    write(mail="m05", subject="{order}", lead="いつもありがとうございます。")
    granted, cancelled = cast.order(), cast.order()
    cast.request(granted)
    for order, reason, says in (
        (granted, Reason.BUYER_CANCELED, "キャンセルリクエストが承認され、ご注文がキャンセルされました。"),
        (cancelled, Reason.NO_INVENTORY, "シードリング商店がご注文をキャンセルしました。"),
    ):
        outbox.outbox.clear()
        cast.cancel(order, reason)
        deliver()
        (message,) = [mail for mail in outbox.outbox if mail.subject == order.number]
        for words in (message.body, message.alternatives[0].content):
            assert "いつもありがとうございます。" in words
            assert says in words
            assert ("承認され" in words) == (order == granted)


def test_the_history_names_a_mail_once_by_its_title_and_says_how_many_of_the_shop_got_it(cast):
    write(subject="ご注文 {order}（重要）シードリング商店より")
    User.objects.filter(pk=cast.bob.pk).update(language="en")
    order = cancel_one(cast)
    told = [(line.what, line.more) for line in Story(order).for_seller() if line.icon == "mail"]
    assert sorted(told) == [
        ("メール送信：ご注文がキャンセルされました", "購入者あて"),
        ("メール送信：注文キャンセル完了のお知らせ", "出品者あて（2名）"),
    ]


def test_only_that_mail_and_that_language_changes(cast):
    write()
    User.objects.filter(pk=cast.bob.pk).update(language="en")
    cancel_one(cast)
    assert to("bob@seller.example").subject.startswith("[Marketplace] ")
    assert to("dora@buyer.example").subject.startswith("【マーケットプレイス】ご注文がキャンセルされました")


def test_an_empty_first_paragraph_leaves_the_shipped_one(cast):
    write(lead="")
    cancel_one(cast)
    message = to("alice@seller.example")
    assert message.subject.startswith("マーケットプレイス：")
    assert "注文のキャンセルが完了しました。" in message.body


def test_what_is_filled_in_is_text_in_the_mail(cast):
    cast.shop.name = "<b>A&B</b>"
    cast.shop.save(update_fields=["name"])
    write()
    cancel_one(cast)
    message = to("alice@seller.example")
    assert "<b>A&B</b> さま" in message.body
    assert "&lt;b&gt;A&amp;B&lt;/b&gt; さま" in message.alternatives[0].content


@pytest.mark.parametrize(
    ("subject", "lead"),
    [
        ("{nope}", ""),
        ("{order.seller.pk}", ""),
        ("{order!r}", ""),
        ("{order:>1000}", ""),
        ("{0}", ""),
        ("{}", ""),
        ("{order", ""),
        ("order}", ""),
        ("one\ntwo", ""),
        ("one\rtwo", ""),
        ("one\u2028two", ""),
        ("", ""),
        ("   ", ""),
        ("x" * 201, ""),
        ("fine", "x" * 2001),
        ("fine", "<b>{order}</b>"),
        ("fine", "&lt;b&gt;"),
        ("fine", "{n}"),
        ("fine", "bell\x07"),
    ],
)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_text_that_cannot_be_sent_is_refused_with_a_sentence_and_changes_nothing(db, subject, lead, language):
    with override(language), nothing_changes(), pytest.raises(UnusableText) as refused:
        write(subject=subject, lead=lead)
    assert len(str(refused.value)) > 10 or language == "ja"
    assert str(refused.value).isascii() == (language == "en")


@pytest.mark.parametrize("lead", ["{nope}", "{order.__class__}", "{", "<script>"])
def test_a_broken_text_written_around_the_check_sends_the_shipped_one_and_says_so_in_the_log(cast, caplog, lead):
    MailText.objects.create(mail="m04", language="ja", subject="{order}", lead=lead, changed_at=NOON)
    order = cancel_one(cast)
    message = to("alice@seller.example")
    assert message.subject == f"【マーケットプレイス】注文キャンセル完了のお知らせ（注文番号 {order.number}）"
    assert "注文のキャンセルが完了しました。" in message.body
    assert "The operator's text of m04 (ja) cannot be used" in caplog.text


def test_a_line_break_written_around_the_check_makes_no_header(cast):
    MailText.objects.create(
        mail="m04", language="ja", subject="{order}\nBcc: eve@evil.example", lead="", changed_at=NOON
    )
    cancel_one(cast)
    assert "\n" not in to("alice@seller.example").subject


def test_every_change_is_audited_with_before_and_after(db):
    write()
    write(subject="{order}")
    reset_mail_text(mail="m04", language="ja", by=operator_actor(), now=NOON)
    with nothing_changes():
        reset_mail_text(mail="m04", language="ja", by=operator_actor(), now=NOON)
    kept = AuditEntry.objects.order_by("pk").values_list("act", "subject", "before", "after")
    first, second = ({"subject": subject, "lead": WORDS["lead"]} for subject in (WORDS["subject"], "{order}"))
    assert list(kept) == [
        ("mail_text.set", "m04 ja", {}, first),
        ("mail_text.set", "m04 ja", first, second),
        ("mail_text.reset", "m04 ja", second, {}),
    ]
    assert AuditEntry.objects.order_by("pk")[0].address == "192.0.2.1"


@pytest.mark.django_db(transaction=True)
def test_an_audit_entry_stands_or_falls_with_its_act():
    with pytest.raises(RuntimeError):
        audit(act="x", by=operator_actor(), now=NOON)


@pytest.mark.parametrize("mail", MAILS)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_shipped_text_of_every_mail_passes_its_own_check_and_can_be_previewed(db, mail, language):
    subject, lead = shipped_text(mail, language=language)
    check_text(subject, mail=mail, is_subject=True)
    check_text(lead, mail=mail, is_subject=False)
    assert "{brand}" in subject
    shipped = preview(mail, language=language, subject="", lead="", now=NOON)
    same = preview(mail, language=language, subject=subject, lead=lead, now=NOON)
    assert same.subject == shipped.subject
    assert same.text == shipped.text


def test_every_mail_with_a_template_can_be_written_and_no_other(db):
    from sellercentral.bootstrap import ROOT

    templates = {path.name.partition(".")[0] for path in (ROOT / "templates" / "emails").glob("*.subject.txt")}
    assert set(MAILS) == templates


# --- the operator's pages -----------------------------------------------------------------------------------


@pytest.fixture
def olga(db) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("olga@operator.example", "x", name="大森 里香"))
    return client


def page(name: str, mail: str = "m04") -> str:
    return reverse(f"admin:events_mailtext_{name}", args=[mail, "ja"])


def test_an_operator_writes_a_text_and_goes_back_to_the_shipped_one(olga):
    answer = olga.post(page("edit"), {"subject": "{order} です", "lead": "一行\r\n二行", "seen": "shipped"})
    assert answer.status_code == 302
    assert MailText.objects.values_list("subject", "lead").get() == ("{order} です", "一行\n二行")
    assert "{order} です" in olga.get(reverse("admin:events_mailtext_changelist")).content.decode()
    seen = re.search(r'name="seen" value="([^"]+)"', olga.get(page("edit")).content.decode())[1]
    olga.post(page("edit"), {"reset": "1", "seen": seen})
    assert not MailText.objects.exists()


def test_a_first_paragraph_left_as_shipped_is_not_frozen(olga):
    olga.post(
        page("edit"), {"subject": "{order}", "lead": shipped_text("m04", language="ja")[1], "seen": "shipped"}
    )
    assert MailText.objects.get().lead == ""


def test_a_wrong_placeholder_is_answered_beside_the_field_and_nothing_is_kept(olga):
    answer = olga.post(page("edit"), {"subject": "{nope}", "lead": ""})
    assert answer.status_code == 200
    assert "{nope} はこのメールでは使用できません。" in answer.content.decode()
    assert not MailText.objects.exists()


def test_a_preview_shows_what_is_being_written_keeps_nothing_and_may_run_nothing(olga):
    with nothing_changes():
        answer = olga.post(page("preview"), {"subject": "件名 {order}", "lead": "下書き"})
    assert "下書き" in answer.content.decode()
    assert "<title>件名 503-1234567-1234567</title>" in answer.content.decode()
    assert answer["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
    )


@pytest.mark.parametrize("name", ["edit", "preview"])
def test_a_mail_that_there_is_not_is_not_found(olga, name):
    assert olga.get(page(name, "m99")).status_code == 404


def test_an_operator_without_the_duty_looks_and_writes_nothing(db):
    client = Client()
    client.force_login(
        User.objects.create_user("risa@operator.example", "x", name="里佐", is_staff=True, operator_role="RISK")
    )
    listed = client.get(reverse("admin:events_mailtext_changelist"))
    assert listed.status_code == 200
    assert page("edit") not in listed.content.decode()
    assert client.get(page("preview")).status_code == 200
    with nothing_changes():
        for name in ("edit", "preview"):
            assert client.post(page(name), {"subject": "{order}", "lead": ""}).status_code == 403
        assert client.post(page("edit"), {"reset": "1"}).status_code == 403


# --- mails a person may stop --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mail", ["M-01", "M-03", "M-04", "M-13", "M-16", "M-17", "M-19", "M-21", "M-22", "m07", ""]
)
def test_the_database_keeps_no_other_mail_as_silenced(cast, mail):
    with pytest.raises(IntegrityError), transaction.atomic():
        silence_mails(user_id=cast.alice.pk, mails={mail}, now=NOON)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_mailsetting (user_id, mail, silenced_at) VALUES (%s, %s, now())",
            [cast.alice.pk, mail],
        )


def test_a_text_saved_as_it_was_shipped_goes_on_following_the_shipped_one(db, client):
    client.force_login(factories.person("olga@operator.example", "織田", is_staff=True, operator_role="ADMIN"))
    subject, lead = shipped_text("m04", language="ja")
    address = reverse("admin:events_mailtext_edit", args=["m04", "ja"])
    assert client.post(address, {"subject": subject, "lead": lead, "seen": "shipped"}).status_code == 302
    assert not MailText.objects.exists()


def test_a_text_that_somebody_changed_meanwhile_is_not_written_over_unread(db, client):
    client.force_login(factories.person("olga@operator.example", "織田", is_staff=True, operator_role="ADMIN"))
    address = reverse("admin:events_mailtext_edit", args=["m04", "ja"])
    mine, theirs = (
        {"subject": words, "lead": "", "seen": "shipped"} for words in ("わたしの件名", "ほかの人の件名")
    )
    assert client.post(address, theirs).status_code == 302
    page = client.post(address, mine)
    words = page.content.decode()
    assert (page.status_code, MailText.objects.get().subject) == (200, "ほかの人の件名")
    assert "この文面は、画面を開いたあとに変更されました。" in words
    assert ("わたしの件名" in words, "ほかの人の件名" in words) == (True, True)
    seen = re.search(r'name="seen" value="([^"]+)"', words)[1]
    assert client.post(address, mine | {"seen": seen}).status_code == 302
    assert MailText.objects.get().subject == "わたしの件名"


@pytest.mark.parametrize(("mail", "says", "not_says"), [("p01", "30分間", "注文番号"), ("m19", "MKT-9", "SEL-9")])
def test_a_preview_says_what_such_a_mail_says(db, mail, says, not_says):
    written = preview(mail, language="ja", subject="", lead="", now=NOON)
    assert not_says not in written.text
    assert says in written.text
