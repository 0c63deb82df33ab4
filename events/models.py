"""Event (history, append-only), Delivery (outbox), SentMail, IdempotencyKey."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.actors import Door, Role


class Event(models.Model):
    """What happened once: who, when, through which door, to which order.

    An event that changed an order, its items, requests, shipments or money carries the order and the
    version it had afterwards; any other carries a `subject` at most. Rows are never changed or deleted:
    a trigger refuses it.
    """

    name = models.CharField(_("出来事"), max_length=60)
    order = models.ForeignKey(
        "orders.Order", models.PROTECT, null=True, related_name="events", db_index=False, verbose_name=_("注文")
    )
    order_version = models.PositiveIntegerField(_("版"), null=True)
    subject = models.CharField(_("対象"), max_length=100, blank=True)
    role = models.CharField(_("行った人"), max_length=12, choices=[(role.value, role.value) for role in Role])
    door = models.CharField(_("経路"), max_length=12, choices=[(door.value, door.value) for door in Door])
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("人")
    )
    actor_name = models.CharField(_("名前"), max_length=100, blank=True)
    happened_at = models.DateTimeField(_("日時"))
    payload = models.JSONField(_("内容"), default=dict)

    class Meta:
        verbose_name = verbose_name_plural = _("出来事")
        constraints = [
            models.UniqueConstraint(fields=["order", "order_version"], name="one_event_per_order_version"),
            models.CheckConstraint(
                condition=models.Q(order__isnull=True, order_version__isnull=True)
                | models.Q(order__isnull=False, order_version__isnull=False),
                name="event_has_order_and_version_or_neither",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"

    @property
    def changed_order_id(self) -> int:
        """The key of the order that this event changed.

        Raises ValueError for an event that changed none.
        """
        if self.order_id is None:
            raise ValueError(f"event {self.pk} changed no order")
        return self.order_id


# Deliveries that the portal answers for; the others go to software of shops, which may be away for as long as it likes.
OURS = models.Q(subscription__isnull=True)


class Delivery(models.Model):
    """Who must be told of an event: one listener, one recipient or subscription, until it is done."""

    class State(models.TextChoices):
        PENDING = "PENDING", _("送信待ち")
        DELIVERED = "DELIVERED", _("完了")
        FAILED = "FAILED", _("失敗")

    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries", verbose_name=_("出来事"))
    listener = models.CharField(_("宛先の種類"), max_length=40)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("受取人"),
    )
    # Of a message to a shop's software: what it subscribed to. The destination's own pace and pauses rule these.
    subscription = models.ForeignKey(
        "spapi.Subscription",
        models.CASCADE,
        null=True,
        related_name="pushes",
        db_index=False,
        verbose_name=_("通知の登録"),
    )
    # When somebody had it sent once more: it is tried from then on.
    renewed_at = models.DateTimeField(_("再送の日時"), null=True)
    key = models.CharField(_("配信キー"), max_length=100, unique=True)
    state = models.CharField(_("状態"), max_length=10, choices=State, default=State.PENDING)
    due_at = models.DateTimeField(_("予定日時"))
    attempts = models.PositiveSmallIntegerField(_("試行回数"), default=0)
    delivered_at = models.DateTimeField(_("完了日時"), null=True)
    last_error = models.TextField(_("最後のエラー"), blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("配信")
        indexes = [
            models.Index(
                fields=["due_at", "id"], name="deliveries_due", condition=OURS & models.Q(state="PENDING")
            ),
            models.Index(fields=["-id"], name="deliveries_failed", condition=OURS & models.Q(state="FAILED")),
            models.Index(
                fields=["-id"],
                name="deliveries_retried",
                condition=OURS & models.Q(state="PENDING") & ~models.Q(last_error=""),
            ),
            models.Index(
                fields=["subscription", "due_at"],
                name="pushes_waiting",
                condition=~OURS & models.Q(state="PENDING"),
            ),
            models.Index(fields=["subscription", "-id"], name="pushes_newest", condition=~OURS),
            models.Index(
                fields=["recipient", "-id"], name="deliveries_failed_to", condition=models.Q(state="FAILED")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="DELIVERED", delivered_at__isnull=False)
                | (~models.Q(state="DELIVERED") & models.Q(delivered_at__isnull=True)),
                name="delivered_exactly_when_it_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class SentMail(models.Model):
    """A mail that left, as it left."""

    delivery_key = models.CharField(_("配信キー"), max_length=100, unique=True)
    message_id = models.CharField("Message-ID", max_length=200)
    mail = models.CharField(_("メール"), max_length=20)
    order = models.ForeignKey(
        "orders.Order", models.SET_NULL, null=True, related_name="sent_mails", verbose_name=_("注文")
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("受取人")
    )
    address = models.EmailField(_("宛先"))
    language = models.CharField(_("言語"), max_length=5)
    subject = models.CharField(_("件名"), max_length=250)
    text = models.TextField(_("本文"))
    html = models.TextField("HTML")
    sent_at = models.DateTimeField(_("送信日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("送信メール")
        indexes = [
            models.Index(fields=["-sent_at", "-id"], name="mails_newest_first"),
            models.Index(fields=["address", "-id"], name="mails_to_an_address"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} → {self.address}"


class IdempotencyKey(models.Model):
    """One act that a form or a client sent under a key, with the answer it got (reliability M8)."""

    class State(models.TextChoices):
        STARTED = "STARTED", _("実行中")
        DONE = "DONE", _("完了")

    owner = models.CharField(max_length=60)
    key = models.CharField(max_length=100)
    content_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State, default=State.STARTED)
    locked_at = models.DateTimeField()
    answer = models.JSONField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = _("二重送信の防止")
        indexes = [models.Index(fields=["locked_at"], name="idempotency_keys_by_age")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="one_act_per_owner_and_key"),
            models.CheckConstraint(
                condition=models.Q(state="STARTED", answer__isnull=True)
                | models.Q(state="DONE", answer__isnull=False),
                name="answered_exactly_when_done",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.key}"


class MailText(models.Model):
    """The operator's wording of one mail in one language; without a row the shipped text is sent (domain 18)."""

    mail = models.CharField(_("メール"), max_length=20)
    language = models.CharField(_("言語"), max_length=5)
    subject = models.CharField(_("件名"), max_length=200)
    lead = models.TextField(_("書き出し"), max_length=2000)
    changed_at = models.DateTimeField(_("変更日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("メールの文面")
        constraints = [models.UniqueConstraint(fields=["mail", "language"], name="one_text_per_mail_and_language")]

    def __str__(self) -> str:
        return f"{self.mail} ({self.language})"


class AuditEntry(models.Model):
    """An operator's act, or a changed setting: who, when, from where, what before and after (domain 16).

    Rows are never changed or deleted: a trigger refuses it.
    """

    happened_at = models.DateTimeField(_("日時"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("人")
    )
    actor_name = models.CharField(_("名前"), max_length=100, blank=True)
    address = models.GenericIPAddressField(_("IPアドレス"), null=True)
    act = models.CharField(_("操作"), max_length=60)
    subject = models.CharField(_("対象"), max_length=100, blank=True)
    reason = models.CharField(_("理由"), max_length=500, blank=True)
    before = models.JSONField(_("変更前"), default=dict)
    after = models.JSONField(_("変更後"), default=dict)

    class Meta:
        verbose_name = verbose_name_plural = _("監査記録")
        indexes = [
            models.Index(fields=["-happened_at", "-id"], name="audit_newest_first"),
            models.Index(fields=["subject", "-happened_at"], name="audit_of_a_subject"),
            models.Index(fields=["user", "-id"], name="audit_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.subject}"
