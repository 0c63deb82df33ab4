"""History and outbox in the admin: look, let failed deliveries try again."""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.access import operator_of
from accounts.actors import Door, Role
from accounts.admin import ReadOnlyAdmin
from accounts.admin.base import note
from accounts.duties import Duty
from accounts.queries import people_named
from events.actions import retry, subscriptions
from events.models import OURS, Delivery, Event, IdempotencyKey
from events.queries import retried_deliveries
from events.wording import DOORS, EVENTS, LISTENERS, ROLES


class EventInWords:
    """An event's codes as operators read them."""

    @admin.display(description=_("出来事"))
    def what(self, event: Event) -> str:
        return str(EVENTS[event.name])

    @admin.display(description=_("行った人"))
    def who(self, event: Event) -> str:
        return str(ROLES[Role(event.role)])

    @admin.display(description=_("経路"))
    def way(self, event: Event) -> str:
        return str(DOORS[Door(event.door)])


@admin.register(Event)
class EventAdmin(EventInWords, ReadOnlyAdmin):
    """What happened, newest first."""

    list_display = ["happened_at", "what", "order", "order_version", "who", "way", "actor_name"]
    fields = [
        "happened_at",
        "what",
        "order",
        "order_version",
        "subject",
        "who",
        "way",
        "actor_name",
        "payload",
    ]
    readonly_fields = ["what", "who", "way"]
    search_fields = ["order__number__exact"]
    search_help_text = _("注文番号（17桁すべて。ハイフンはなくてもかまいません）")
    list_select_related = ["order"]
    ordering = ["-id"]


# A state of the list alone: waiting, and failed before.
RETRIED = "RETRIED"


class DeliveryState(admin.SimpleListFilter):
    """Those that wait for a person or for a worker (indices `deliveries_failed`, `deliveries_due`,
    `deliveries_retried`)."""

    title = _("状態")
    parameter_name = "state"

    def lookups(self, request, model_admin):
        waiting = [(state.value, state.label) for state in (Delivery.State.FAILED, Delivery.State.PENDING)]
        return [*waiting, (RETRIED, _("再送を繰り返している配信"))]

    def queryset(self, request, queryset):
        if self.value() == RETRIED:
            return queryset & retried_deliveries()
        return queryset.filter(OURS, state=self.value()) if self.value() else queryset


class DeliveryListener(admin.SimpleListFilter):
    """Which listener, among the failed ones; over all deliveries no index would serve it."""

    title = _("宛先の種類")
    parameter_name = "listener"

    def lookups(self, request, model_admin):
        if request.GET.get(DeliveryState.parameter_name) != Delivery.State.FAILED:
            return []
        names = sorted({name for listeners in subscriptions().values() for name in listeners})
        return [(name, LISTENERS.get(name, name)) for name in names]

    def queryset(self, request, queryset):
        return queryset.filter(listener=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Who must still be told; failed ones wait here for a person."""

    change_form_template = "admin/events/delivery/change_form.html"
    list_display = ["key", "event_name", "told", "order", "recipient", "state", "due_at", "attempts", "last_error"]
    list_filter = [DeliveryState, DeliveryListener]
    search_fields = ["key"]
    search_help_text = _("注文番号、または失敗した配信の受取人のメールアドレス")
    list_select_related = ["event__order", "recipient"]
    actions = ["try_again"]
    fields = [
        "key",
        "event_name",
        "told",
        "order",
        "recipient",
        "state",
        "due_at",
        "attempts",
        "delivered_at",
        "last_error",
    ]

    def get_ordering(self, request):
        """Those that wait for a worker stand as the worker takes them."""
        is_queue = request.GET.get(DeliveryState.parameter_name) == Delivery.State.PENDING
        return ["due_at", "id"] if is_queue else ["-id"]

    def get_search_results(self, request, queryset, search_term):
        """By the order's number, or by whom it failed to reach, each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            people = people_named(term, limit=1)
            return queryset.filter(state=Delivery.State.FAILED, recipient_id__in=people), False
        return queryset.filter(event__order__number=term), False

    @admin.display(description=_("出来事"))
    def event_name(self, delivery: Delivery) -> str:
        return str(EVENTS[delivery.event.name])

    @admin.display(description=_("宛先の種類"))
    def told(self, delivery: Delivery) -> str:
        return str(LISTENERS.get(delivery.listener, delivery.listener))

    @admin.display(description=_("注文"))
    def order(self, delivery: Delivery) -> str:
        order = delivery.event.order
        if order is None:
            return "—"
        return format_html('<a href="{}">{}</a>', reverse("admin:orders_order_change", args=[order.pk]), order)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether this person's role lets deliveries try again."""
        return self.has(request, Duty.RETRY)

    @admin.action(description=_("失敗した配信をもう一度送信する"), permissions=["retry"])
    def try_again(self, request, queryset) -> None:
        self._retry(request, queryset.order_by("pk"))

    def get_urls(self):
        view = self.admin_site.admin_view(self.retry_one)
        return [path("<int:delivery_id>/retry/", view, name="events_delivery_retry"), *super().get_urls()]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        delivery = self.get_object(request, object_id)
        is_failed = delivery is not None and delivery.state == Delivery.State.FAILED
        more = {"may_retry": is_failed and self.has_retry_permission(request)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def retry_one(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        """Let one failed delivery try again, by the button on its page."""
        operator_of(request, duty=Duty.RETRY)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._retry(request, self.get_queryset(request).filter(pk=delivery_id))
        return redirect("admin:events_delivery_change", delivery_id)

    def _retry(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        with transaction.atomic():
            failed = chosen.filter(state=Delivery.State.FAILED)
            keys = dict(failed.select_for_update(of=("self",)).values_list("key", "pk"))
            count = retry(delivery_ids=keys.values(), now=timezone.now())
            if count:
                note(request, "deliveries.retried", after={"deliveries": ", ".join(keys), "count": count})
        if not count:
            self.message_user(request, _("失敗した配信ではないため、送信していません。"), messages.WARNING)
            return
        message = ngettext("%(count)d件をもう一度送信します。", "%(count)d件をもう一度送信します。", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Acts that were sent under a key, kept for a day."""

    list_display = ["locked_at", "owner", "key", "state"]
    ordering = ["-id"]
