"""Which files go with a message: told by what is in them, written anew, and never lost on the way (B-36)."""

import io
import zipfile
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cancellations.policy import Refusal
from cancellations.wording import refusal
from events.models import SentMail
from messaging import files
from messaging.actions import KEEPS_UNSENT, forget_files, keep_files
from messaging.files import BadFile, FileRefusal, Kind, clean_name, examine
from messaging.models import Attachment, Message
from tests.books import nothing_changes
from tests.cast import LATER, Cast, deliver

from .test_pages import browser, sends

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), **more) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "teal").save(written, format=kind, **more)
    return written.getvalue()


def examined(name: str, content: bytes) -> files.File:
    return examine(name, len(content), lambda: content)


def with_zip_behind(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.comment = b"%%EOF"
        archive.writestr("a.js", "alert(1)")
    return content + packed.getvalue()


# --- what is in a file --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("写真.jpg", picture(), Kind.JPEG),
        ("写真.JPEG", picture(), Kind.JPEG),
        ("a.png", picture("PNG"), Kind.PNG),
        ("a.webp", picture("WEBP"), Kind.WEBP),
        ("納品書.2026.11.28.pdf", PDF, Kind.PDF),
        ("shop.example.com.pdf", PDF + b"\0\0", Kind.PDF),
        ("stereo.jpg", picture("MPO", save_all=True, append_images=[Image.new("RGB", (60, 40))]), Kind.JPEG),
    ],
)
def test_pictures_and_documents_are_taken(name, content, kind):
    assert (examined(name, content).kind, examined(name, content).name) == (kind, name)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.jpg", b"", FileRefusal.EMPTY),
        ("a.jpg", b"\xff" * (files.LARGEST_FILE + 1), FileRefusal.TOO_LARGE),
        ("a.exe", picture(), FileRefusal.WRONG_TYPE),
        ("a", picture(), FileRefusal.WRONG_TYPE),
        ("a.gif", picture("GIF"), FileRefusal.WRONG_TYPE),
        ("a.png", picture("GIF"), FileRefusal.WRONG_TYPE),
        ("a.png", picture("JPEG"), FileRefusal.WRONG_TYPE),
        ("a.pdf", picture("JPEG"), FileRefusal.WRONG_TYPE),
        ("a.jpg", PDF, FileRefusal.WRONG_TYPE),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", FileRefusal.WRONG_TYPE),
        ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", FileRefusal.WRONG_TYPE),
        ("a.jpg", b"<html><script>alert(1)</script>", FileRefusal.WRONG_TYPE),
        ("a.pdf", b"%PDF-1.7\n<html><script>alert(1)</script>\n%%EOF", FileRefusal.WRONG_TYPE),
        ("a.pdf", PDF + b"MZ and more", FileRefusal.DAMAGED),
        ("a.pdf", with_zip_behind(PDF), FileRefusal.WRONG_TYPE),
        ("a.exe .jpg", picture(), FileRefusal.DOUBLE_ENDING),
        ("a.pdf", b" " + PDF, FileRefusal.WRONG_TYPE),
        ("a.exe.jpg", picture(), FileRefusal.DOUBLE_ENDING),
        ("a.PHP.jpg", picture(), FileRefusal.DOUBLE_ENDING),
        ("請求書.pdf.jpg", picture(), FileRefusal.DOUBLE_ENDING),
        ("a.jpg", picture()[:300], FileRefusal.DAMAGED),
        ("a.png", picture("PNG")[:60], FileRefusal.DAMAGED),
        ("a.pdf", PDF[:20], FileRefusal.DAMAGED),
        ("a.png", picture("PNG", (8000, 5001)), FileRefusal.TOO_LARGE),
    ],
)
def test_b36_whatever_is_something_else_is_refused(name, content, why):
    with pytest.raises(BadFile) as bad:
        examined(name, content)
    assert bad.value.refusal == why


def test_only_files_of_a_size_that_is_taken_are_read():
    with pytest.raises(BadFile):
        examine("a.jpg", files.LARGEST_FILE + 1, lambda: pytest.fail("read"))


def test_b36_pictures_are_written_anew_smaller_and_without_what_cameras_note():
    noted = Image.Exif()
    noted[0x010E] = "at home"
    noted[0x0112] = 6  # lies on its side
    sent = picture(size=(3000, 1000), exif=noted) + b"<script>alert(1)</script>"
    kept = examined("a.jpg", sent).content
    shown = Image.open(io.BytesIO(kept))
    assert (shown.size, dict(shown.getexif())) == ((800, 2400), {})
    assert b"at home" not in kept
    assert b"script" not in kept


def test_a_picture_keeps_what_is_see_through():
    written = io.BytesIO()
    Image.new("RGBA", (4, 4), (1, 2, 3, 0)).save(written, format="PNG")
    kept = Image.open(io.BytesIO(examined("a.png", written.getvalue()).content))
    assert kept.convert("RGBA").getpixel((0, 0))[3] == 0


def test_a_scan_with_sixteen_bits_of_grey_keeps_its_shades():
    written = io.BytesIO()
    scan = Image.new("I;16", (256, 1))
    for place in range(256):
        scan.putpixel((place, 0), place * 256)
    scan.save(written, format="PNG")
    kept = Image.open(io.BytesIO(examined("a.png", written.getvalue()).content)).convert("L")
    assert [kept.getpixel((place, 0)) for place in (0, 100, 255)] == [0, 100, 255]


@given(st.text())
def test_any_name_becomes_one_line_that_can_be_kept(name):
    cleaned = clean_name(name)
    assert 0 < len(cleaned) <= files.LONGEST_NAME
    assert not {"/", "\\", "\n", "\x00", "\u202e"} & set(cleaned)
    assert cleaned.encode()


def test_a_name_that_pretends_is_shown_as_it_is():
    assert clean_name("C:\\temp\\絵\u202egpj.exe") == "絵gpj.exe"
    assert clean_name("../../etc/a\nb.pdf") == "ab.pdf"


# --- on the pages -------------------------------------------------------------------------------------------


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(LATER, tick=False)


def upload(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


@pytest.mark.usefixtures("clock", "no_mails")
class TestPages:
    def test_a_file_goes_to_the_other_side_and_to_nobody_else(self, cast: Cast):
        order = cast.order()
        dora, alice = browser(cast.dora), browser(cast.alice)
        address = reverse("buyer:message", args=[order.number])
        for _ in range(2):  # sent twice, kept once
            sent = sends() | {"attachments": [upload("写真.jpg", picture()), upload("書類.pdf", PDF)]}
            assert dora.post(address, sent)["Location"] == f"{address}#said"
        photo, paper = Attachment.objects.order_by("pk")
        assert {photo.message, paper.message} == {Message.objects.get()}
        page = alice.get(reverse("seller:message", args=[order.number])).content.decode()
        ours = reverse("seller:message-file", args=[order.number, photo.pk])
        assert f'<img src="{ours}"' in page
        assert "書類.pdf" in page
        shown = alice.get(ours)
        assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
        assert shown["Content-Disposition"].startswith("inline; filename*=utf-8''%E5%86%99")
        assert shown.content == bytes(photo.content)
        saved = dora.get(reverse("buyer:message-file", args=[order.number, paper.pk]))
        assert saved["Content-Disposition"].startswith("attachment; ")
        other = cast.order()
        assert alice.get(reverse("seller:message-file", args=[other.number, photo.pk])).status_code == 404
        assert alice.get(reverse("seller:message-file", args=[order.number, 10**30])).status_code == 404

    def test_a_form_sent_again_with_another_file_is_refused_and_the_file_stays(self, cast: Cast):
        order = cast.order()
        dora, address = browser(cast.dora), reverse("buyer:message", args=[order.number])
        dora.post(address, sends() | {"attachments": [upload("a.jpg", picture())]})
        again = sends() | {"attachments": [upload("b.jpg", picture(size=(9, 9)))]}
        page = dora.post(address, again).content.decode()
        assert refusal(Refusal.IDEMPOTENCY_MISMATCH) in page
        assert Message.objects.count() == 1
        waits = Attachment.objects.get(message=None)
        assert f'name="kept" value="{waits.pk}"' in page
        assert f'name="kept" value="{waits.pk}"' in dora.get(address).content.decode()
        dora.post(address, sends(key="k2"))  # taken off the form
        assert not Attachment.objects.filter(message=None).exists()

    def test_a_file_that_is_gone_takes_no_other_with_it(self, cast: Cast):
        order = cast.order()
        paper = files.File("a.pdf", Kind.PDF, PDF)
        rows = keep_files(order_id=order.pk, files=[paper] * 2, keeping=[], by=cast.buyer, now=LATER)
        dora, address = browser(cast.dora), reverse("buyer:message", args=[order.number])
        more = {"kept": [*(row.pk for row in rows), 10**9], "attachments": [upload("d.jpg", picture())]}
        page = dora.post(address, sends() | more).content.decode()
        assert "添付ファイルが見つかりません。もう一度ファイルを選択してください。" in page
        assert Attachment.objects.count() == 3

    def test_b36_refused_files_are_named_with_the_types_and_the_good_ones_stay(self, cast: Cast):
        order = cast.order()
        dora, address = browser(cast.dora), reverse("buyer:message", args=[order.number])
        bad = upload("悪い.svg", b"<svg/>")
        page = dora.post(address, sends() | {"attachments": [upload("良い.jpg", picture()), bad]}).content.decode()
        assert "「悪い.svg」は添付できません。添付できるのは、JPEG、PNG、WebPの画像とPDFです。" in page
        kept = Attachment.objects.get()
        assert f'name="kept" value="{kept.pk}"' in page
        assert "よろしくお願いします。" in page
        assert not Message.objects.exists()
        waits = reverse("buyer:message-file", args=[order.number, kept.pk])
        assert dora.get(waits).status_code == 200
        assert browser(cast.alice).get(waits.replace("/account/", "/seller/")).status_code == 404
        dora.post(address, sends(key="k2") | {"kept": [kept.pk]})
        kept.refresh_from_db()
        assert kept.message == Message.objects.get()

    def test_the_second_question_loses_no_file(self, cast: Cast):
        order = cast.order()
        alice, address = browser(cast.alice), reverse("seller:message", args=[order.number])
        push = sends("キャンセルのリクエストを送信してください。", "CANCEL")
        page = alice.post(address, push | {"attachments": [upload("a.pdf", PDF)]})
        kept = Attachment.objects.get()
        alice.post(address, push | {"kept": [kept.pk], "confirmed": page.context["insists"], "key": "k2"})
        assert Attachment.objects.get().message == Message.objects.get()

    def test_the_sixth_file_is_refused(self, cast: Cast):
        order = cast.order()
        dora, address = browser(cast.dora), reverse("buyer:message", args=[order.number])
        six = [upload(f"{number}.jpg", picture()) for number in range(6)]
        page = dora.post(address, sends() | {"attachments": six}).content.decode()
        assert "「5.jpg」は添付できません。添付できるファイルは5つまでです。" in page
        kept = list(Attachment.objects.values_list("pk", flat=True))
        assert len(kept) == 5
        more = sends(key="k2") | {"kept": kept, "attachments": [upload("6.jpg", picture())]}
        with nothing_changes():
            assert "「6.jpg」は添付できません。" in dora.post(address, more).content.decode()

    def test_what_waits_is_offered_again_with_the_words_to_leave_it(self, cast: Cast):
        order = cast.order()
        paper = files.File("a.pdf", Kind.PDF, PDF)
        keep_files(order_id=order.pk, files=[paper], keeping=[], by=cast.buyer, now=LATER)
        page = browser(cast.dora).get(reverse("buyer:message", args=[order.number])).content.decode()
        assert "送信しないファイルは、チェックを外してください。" in page

    def test_files_of_others_are_not_sent_by_their_keys(self, cast: Cast):
        order = cast.order()
        (theirs,) = keep_files(
            order_id=order.pk, files=[files.File("a.pdf", Kind.PDF, PDF)], keeping=[], by=cast.seller, now=LATER
        )
        dora, address = browser(cast.dora), reverse("buyer:message", args=[order.number])
        with nothing_changes():
            page = dora.post(address, sends() | {"kept": [theirs.pk]}).content.decode()
        assert "添付ファイルが見つかりません。もう一度ファイルを選択してください。" in page

    def test_what_is_taken_off_the_form_is_forgotten(self, cast: Cast):
        order = cast.order()
        keep_files(
            order_id=order.pk, files=[files.File("a.pdf", Kind.PDF, PDF)] * 2, keeping=[], by=cast.buyer, now=LATER
        )
        first = Attachment.objects.order_by("pk").first()
        dora, address = browser(cast.dora), reverse("buyer:message", args=[order.number])
        dora.post(address, sends() | {"kept": [first.pk]})
        assert list(Attachment.objects.values_list("pk", flat=True)) == [first.pk]

    def test_files_of_messages_nobody_sent_are_forgotten_after_a_day(self, cast: Cast):
        order = cast.order()
        paper = files.File("a.pdf", Kind.PDF, PDF)
        keep_files(order_id=order.pk, files=[paper], keeping=[], by=cast.buyer, now=LATER)
        assert forget_files(now=LATER + KEEPS_UNSENT) == 0
        assert forget_files(now=LATER + KEEPS_UNSENT + timedelta(seconds=1)) == 1

    def test_nothing_is_kept_where_nothing_may_be_said(self, cast: Cast):
        order = cast.order(verified=False)
        paper = files.File("a.pdf", Kind.PDF, PDF)
        assert keep_files(order_id=order.pk, files=[paper], keeping=[], by=cast.seller, now=LATER) == []
        assert not Attachment.objects.exists()

    def test_the_database_takes_no_file_without_a_size_or_a_name_or_of_another_kind(self, cast: Cast):
        order = cast.order()
        fine = {"order": order, "user": cast.dora, "name": "a", "kind": "image/png", "size": 1, "added_at": LATER}
        for wrong in ({"size": 0}, {"size": files.LARGEST_KEPT + 1}, {"name": ""}, {"kind": "text/html"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Attachment.objects.create(**fine | wrong, content=b"x")


@pytest.mark.usefixtures("clock")
def test_m23_names_the_files(cast: Cast):
    order = cast.order()
    sent = sends() | {"attachments": [upload("写真.jpg", picture()), upload("書類.pdf", PDF)]}
    browser(cast.dora).post(reverse("buyer:message", args=[order.number]), sent)
    deliver()
    mail = SentMail.objects.filter(mail="m23_seller").first()
    assert "添付ファイル：写真.jpg・書類.pdf" in mail.text
