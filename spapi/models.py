"""Destination and Subscription: where a shop's software hears of news, and of which (sp-api 9, domain 14.9)."""

from datetime import datetime
from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Application, Seller

from .rules import Change, Topic


class Destination(models.Model):
    """A queue of an application, or a webhook of a shop with the secret that signs what it gets.

    One worker at a time serves it (`claimed_until`). After an attempt that nobody answered it is left alone until
    `rests_until`; `failures` are those in a row.
    """

    class Kind(models.TextChoices):
        QUEUE = "QUEUE", "SQS"
        WEBHOOK = "WEBHOOK", "Webhook"

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    kind = models.CharField(_("種類"), max_length=10, choices=Kind)
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("開発者の登録")
    )
    name = models.CharField(_("名前"), max_length=256)
    # The URL of a webhook, the ARN of a queue.
    address = models.CharField(_("宛先"), max_length=1000)
    sealed_secret = models.TextField(blank=True)
    sealed_former_secret = models.TextField(blank=True)
    former_secret_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("登録日時"))
    claimed_until = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(_("次の送信日時"), null=True)
    failures = models.PositiveIntegerField(_("続けて失敗した回数"), default=0)
    last_error = models.CharField(_("最後のエラー"), max_length=300, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("通知の宛先")
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "address"], name="one_webhook_of_an_address", condition=Q(kind="WEBHOOK")
            ),
            models.UniqueConstraint(
                fields=["application", "address"], name="one_queue_of_an_address", condition=Q(kind="QUEUE")
            ),
            models.CheckConstraint(
                condition=Q(kind="WEBHOOK", application__isnull=True) | Q(kind="QUEUE", application__isnull=False),
                name="queues_belong_to_an_application",
            ),
            models.CheckConstraint(
                condition=Q(kind="QUEUE", sealed_secret="") | (Q(kind="WEBHOOK") & ~Q(sealed_secret="")),
                name="webhooks_have_a_secret",
            ),
            models.CheckConstraint(
                condition=Q(kind="QUEUE") | Q(address__startswith="https://"),
                name="webhooks_are_https",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_resting(self, now: datetime) -> bool:
        """Whether nothing is sent to it at a moment, whatever is due."""
        return self.rests_until is not None and self.rests_until > now


class Subscription(models.Model):
    """One topic that a destination is told of; `changes` limits it to kinds of changes, empty: all of them."""

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    destination = models.ForeignKey(
        Destination, models.CASCADE, related_name="subscriptions", db_index=False, verbose_name=_("通知の宛先")
    )
    seller = models.ForeignKey(Seller, models.PROTECT, related_name="+", db_index=False, verbose_name=_("出品者"))
    application = models.ForeignKey(
        Application, models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("開発者の登録")
    )
    topic = models.CharField(_("通知の種類"), max_length=40, choices=[(each.value, each.value) for each in Topic])
    changes = ArrayField(
        models.CharField(max_length=30, choices=[(each.value, each.value) for each in Change]),
        default=list,
        blank=True,
        verbose_name=_("変更の種類"),
    )
    # What software asked for in its own words, to give back.
    directive = models.JSONField(null=True)
    created_at = models.DateTimeField(_("登録日時"))

    class Meta:
        verbose_name = verbose_name_plural = _("通知の登録")
        indexes = [models.Index(fields=["seller", "topic"], name="subscriptions_to_tell")]
        constraints = [
            models.UniqueConstraint(fields=["destination", "topic"], name="one_subscription_of_a_destination"),
            models.UniqueConstraint(fields=["application", "topic"], name="one_subscription_of_an_application"),
            models.CheckConstraint(
                condition=Q(topic__in=[each.value for each in Topic]), name="topic_of_subscription_is_known"
            ),
            models.CheckConstraint(
                condition=Q(changes__contained_by=[each.value for each in Change]), name="changes_are_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.destination} {self.topic}"
