"""Thread, Message and Attachment: the talk of a buyer and a shop about one order."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Seller
from orders.models import Order

from . import files, rules


class Thread(models.Model):
    """The talk about one order; what lists of talks show of it stands here (wall 8)."""

    order = models.OneToOneField(Order, models.PROTECT, related_name="thread", verbose_name=_("注文"))
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("購入者")
    )
    last_at = models.DateTimeField(_("最新のメッセージの日時"))
    last_text = models.CharField(_("最新のメッセージ"), max_length=200)
    unread_by_seller = models.PositiveIntegerField(_("出品者の未読"), default=0)
    unread_by_buyer = models.PositiveIntegerField(_("購入者の未読"), default=0)
    # Whether the buyer wished for a cancellation in it; that stays so, as the verdict on cancelling does.
    has_wish = models.BooleanField(_("キャンセルの希望"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("会話")
        indexes = [
            models.Index(F("seller"), F("last_at").desc(), F("id").desc(), name="threads_of_seller"),
            models.Index(
                F("seller"),
                F("last_at").desc(),
                F("id").desc(),
                name="threads_unread_by_seller",
                condition=Q(unread_by_seller__gt=0),
            ),
            models.Index(
                F("seller"),
                F("last_at").desc(),
                F("id").desc(),
                name="threads_with_a_wish",
                condition=Q(has_wish=True),
            ),
            models.Index(F("buyer"), F("last_at").desc(), F("id").desc(), name="threads_of_buyer"),
            models.Index(fields=["buyer"], name="threads_unread_by_buyer", condition=Q(unread_by_buyer__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.order}"


class Message(models.Model):
    """What one side said; never changed."""

    class Side(models.TextChoices):
        BUYER = "BUYER", _("購入者")
        SELLER = "SELLER", _("出品者")

    thread = models.ForeignKey(Thread, models.PROTECT, related_name="messages", verbose_name=_("会話"))
    # The thread's own, once more: a shop searches what it was told and said without a look at each thread.
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    side = models.CharField(_("送信者"), max_length=6, choices=Side)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("人")
    )
    name = models.CharField(_("名前"), max_length=100)
    topic = models.CharField(_("件名"), max_length=20)
    text = models.TextField(_("本文"), max_length=rules.LONGEST_TEXT)
    sent_at = models.DateTimeField(_("送信日時"))
    wishes = models.BooleanField(_("キャンセルの希望"), default=False)
    pushes = models.BooleanField(_("キャンセルの催促"), default=False)

    class Meta:
        verbose_name = verbose_name_plural = _("メッセージ")
        indexes = [
            models.Index(fields=["thread", "id"], name="wishes_of_a_thread", condition=Q(wishes=True)),
            # What a shop was warned of and sent all the same: the operators' own list (domain 21, B17).
            models.Index(fields=["-id"], name="messages_that_push", condition=Q(pushes=True)),
            models.Index(fields=["seller", "-id"], name="messages_of_seller"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(topic__in=[topic.value for topic in rules.Topic]), name="topic_is_known"
            ),
            models.CheckConstraint(condition=~Q(text=""), name="message_says_something"),
            models.CheckConstraint(
                condition=Q(wishes=False) | Q(side="BUYER"), name="only_buyers_wish_for_a_cancellation"
            ),
            models.CheckConstraint(
                condition=Q(pushes=False) | Q(side="SELLER"), name="only_sellers_push_for_a_cancellation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.thread} {self.pk}"


class Attachment(models.Model):
    """A file that goes with a message; without one it waits, for the person who added it, until that is sent."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="+", db_index=False, verbose_name=_("注文"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("人")
    )
    message = models.ForeignKey(
        Message, models.PROTECT, null=True, related_name="attachments", verbose_name=_("メッセージ")
    )
    name = models.CharField(_("ファイル名"), max_length=files.LONGEST_NAME)
    kind = models.CharField(_("種類"), max_length=20, choices=[(kind.value, kind.value) for kind in files.Kind])
    size = models.PositiveIntegerField(_("サイズ"))
    content = models.BinaryField(_("内容"))
    added_at = models.DateTimeField(_("追加日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("添付ファイル")
        indexes = [
            models.Index(fields=["order", "user"], name="files_not_yet_sent", condition=Q(message=None)),
            models.Index(fields=["added_at"], name="files_left_behind", condition=Q(message=None)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in files.Kind]), name="kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(size__gt=0, size__lte=files.LARGEST_KEPT), name="file_has_a_size_that_is_taken"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="file_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_picture(self) -> bool:
        """Whether pages show it as a picture."""
        return files.Kind(self.kind).is_picture
