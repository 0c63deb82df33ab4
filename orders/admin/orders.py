"""Orders in the admin: look at everything, edit no state, act only through the same actions as every door."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.access import operator_of
from accounts.admin import ReadOnlyAdmin, ReadOnlyInline
from accounts.admin.base import note
from accounts.duties import Duty, may
from accounts.queries import people_named, shop_of_key, shops_named
from cancellations.admin import CancellationInWords
from cancellations.models import Cancellation, CancellationRequest
from events.admin import EventInWords, MailInWords
from events.models import Event, SentMail
from events.queries import deliveries_of
from events.wording import EVENTS, LISTENERS
from orders import queries
from orders.models import Order, OrderItem, Recipient
from orders.outcomes import Refused, Result
from payments.models import Authorization, Charge, Refund
from shipments.models import Shipment

from .acts import ACTS, NoteForm, perform, prospect, refusal

# Whom a parcel goes to is shown for this long after it was asked for (reliability S-53).
ADDRESS_SHOWN_FOR = timedelta(minutes=10)
SHOWN = "recipient_shown"


class ItemInline(ReadOnlyInline):
    model = OrderItem
    fields = [
        "item_id",
        "sku",
        "title",
        "quantity_ordered",
        "quantity_shipped",
        "quantity_cancelled",
        "item_price",
    ]


class RequestInline(ReadOnlyInline):
    model = CancellationRequest
    fields = ["requested_at", "status", "reason_label", "buyer_text", "response_due_at", "decided_at"]
    show_change_link = True


class CancellationInline(CancellationInWords, ReadOnlyInline):
    model = Cancellation
    fields = ["cancelled_at", "who", "reason", "code", "effect", "why"]
    readonly_fields = ["who", "effect", "why"]
    show_change_link = True


class ShipmentInline(ReadOnlyInline):
    model = Shipment
    fields = ["confirmed_at", "shipped_on", "carrier", "tracking_number"]


class AuthorizationInline(ReadOnlyInline):
    model = Authorization
    fields = ["state", "amount", "released", "currency", "provider", "provider_ref"]


class ChargeInline(ReadOnlyInline):
    model = Charge
    fields = ["state", "amount", "currency", "charged_at", "provider_ref"]


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ["state", "amount", "currency", "reason", "requested_at", "refunded_at"]


class SentMailInline(MailInWords, ReadOnlyInline):
    model = SentMail
    fields = ["sent_at", "kind", "address", "subject"]
    readonly_fields = ["kind"]
    ordering = ["-id"]
    show_change_link = True


class EventInline(EventInWords, ReadOnlyInline):
    model = Event
    fields = ["order_version", "happened_at", "what", "who", "way", "actor_name", "payload"]
    readonly_fields = ["what", "who", "way"]
    ordering = ["-order_version"]


class WithoutShipBy(admin.SimpleListFilter):
    """Open orders whose file had no ship-by date: no sweep sees them until an operator sets one (domain 3.2)."""

    title = _("出荷予定日")
    parameter_name = "ship_by"

    def lookups(self, request, model_admin):
        return [("unknown", _("未定（未出荷・一部出荷済み）"))]

    def queryset(self, request, queryset):
        if self.value() == "unknown":
            return queryset & queries.orders_without_ship_by()
        return queryset


class OnHold(admin.SimpleListFilter):
    """Orders that were stopped (index `held_orders`)."""

    title = _("保留")
    parameter_name = "held"

    def lookups(self, request, model_admin):
        return [("yes", _("保留のみ"))]

    def queryset(self, request, queryset):
        return queryset.filter(on_hold=True) if self.value() == "yes" else queryset


class OfShop(admin.SimpleListFilter):
    """The shop that a search meant, by name, with the way back to all (index `orders_newest`)."""

    title = _("出品者")
    parameter_name = "shop"

    def lookups(self, request, model_admin):
        chosen = request.GET.get(self.parameter_name, "")
        self.shop = shop_of_key(chosen)
        return [(chosen, self.shop.name if self.shop else _("該当する出品者はありません"))] if chosen else []

    def queryset(self, request, queryset):
        if not self.value():
            return queryset
        return queryset.filter(seller_id=self.shop.pk) if self.shop else queryset.none()


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Every order with all that happened to it, and the marketplace's acts as buttons."""

    change_form_template = "admin/orders/order/change_form.html"
    has_audit = True
    list_display = [
        "number",
        "placed_at",
        "seller",
        "buyer_name",
        "status",
        "ship_by_date",
        "auto_cancel_due_at",
        "held",
    ]
    list_filter = [OfShop, OnHold, WithoutShipBy]
    search_fields = ["number"]
    search_help_text = _(
        "注文番号、購入者（メールアドレスのすべて、または氏名の先頭）、出品者（出品者ID、または店舗名の先頭）"
    )
    list_select_related = ["seller", "buyer"]
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["number", "status", "seller", "buyer_name", "held", "held_at"]}),
        (
            _("日時"),
            {
                "fields": [
                    "placed_at",
                    "payment_verified_at",
                    "ship_by_date",
                    "auto_cancel_due_at",
                    "answer_due_at",
                    "cancelled_at",
                    "last_updated_at",
                ]
            },
        ),
        (_("お届け先"), {"fields": ["recipient_shown"]}),
        (
            _("お支払い"),
            {"fields": ["total", "currency", "payment_method", "service_level", "fulfillment_channel", "version"]},
        ),
    ]
    inlines = [
        ItemInline,
        RequestInline,
        CancellationInline,
        ShipmentInline,
        AuthorizationInline,
        ChargeInline,
        RefundInline,
        EventInline,
        SentMailInline,
    ]

    @admin.display(description=_("保留（運営）"))
    def held(self, order: Order) -> str:
        """In a word: a sign for yes would look like all is well."""
        return gettext("保留あり") if order.on_hold else "—"

    @admin.display(description=_("購入者"))
    def buyer_name(self, order: Order) -> str:
        return f"{order.buyer.name} <{order.buyer.email}>" if order.buyer else "—"

    @admin.display(description=_("お届け先"))
    def recipient_shown(self, order: Order) -> str:
        """The parcel's address, masked until somebody says why they need it (reliability S-53)."""
        recipient = getattr(order, "recipient", None)
        if recipient is None:
            return "—"
        if getattr(order, "is_recipient_shown", False):
            return _whole_address(recipient)
        return format_html("{} {} {}", f"{recipient.name[:1]}＊＊", recipient.state, "＊＊＊")

    def get_ordering(self, request):
        """One shop's orders stand as its own list does (index `orders_newest`)."""
        return ["-placed_at", "-id"] if request.GET.get(OfShop.parameter_name) else ["-id"]

    def get_search_results(self, request, queryset, search_term):
        """By number, buyer or shop, each by its index; never by a part in the middle (wall 8)."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(queries.meant_by_operator(search_term.strip())), False

    def changelist_view(self, request, extra_context=None):
        """A search that means one shop leads to all of its orders; a number is looked for among all shops'."""
        term = request.GET.get("q", "").strip()
        if queries.looks_like_a_number(term) and OfShop.parameter_name in request.GET:
            return HttpResponseRedirect(f"{request.path}?{urlencode({'q': term})}")
        if term and self.has_view_permission(request) and not queries.looks_like_a_number(term):
            shops = shops_named(term, limit=2)
            if len(shops) == 1 and not people_named(term, limit=1):
                return HttpResponseRedirect(f"{request.path}?{OfShop.parameter_name}={shops[0]}")
        return super().changelist_view(request, extra_context)

    def get_urls(self):
        view = self.admin_site.admin_view
        *usual, last = super().get_urls()
        return [
            *usual,
            path("<int:order_id>/recipient/", view(self.show_recipient), name="orders_order_recipient"),
            path("<int:order_id>/<slug:act>/", view(self.act), name="orders_order_act"),
            last,
        ]

    def get_object(self, request, object_id, from_field=None):
        """The order; with its whole address for whoever asked for it a moment ago."""
        order = super().get_object(request, object_id, from_field)
        if order is not None:
            order.is_recipient_shown = _is_shown(request, order.pk, timezone.now())
        return order

    def change_view(self, request, object_id, form_url="", extra_context=None):
        order = self.get_object(request, object_id)
        more = {}
        if order is not None and self.has_view_permission(request):
            role = request.user.operator_role
            whole = queries.order_for_operator(order.pk) or order
            more = {
                "acts": [
                    (name, act.label) for name, act in ACTS.items() if may(role, act.duty) and act.offered(whole)
                ],
                "may_read_addresses": may(role, Duty.READ_ADDRESSES) and not order.is_recipient_shown,
                "deliveries": [
                    (delivery, EVENTS[delivery.event.name], LISTENERS.get(delivery.listener, delivery.listener))
                    for delivery in deliveries_of(order.pk)
                ],
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def act(self, request: HttpRequest, order_id: int, act: str) -> HttpResponse:
        """Ask for what the act needs, then do it."""
        operator_of(request)
        chosen = ACTS.get(act)
        by = operator_of(request, duty=chosen.duty if chosen else None)
        order = queries.order_for_operator(order_id)
        if order is None or chosen is None:
            raise Http404
        shown = {"ship_by_date": order.ship_by_date}
        form = chosen.form(request.POST if request.method == "POST" else None, initial=shown)
        now, seen = timezone.now(), order.version
        if request.method != "POST" and not chosen.offered(order):
            messages.error(request, refusal(chosen, order, chosen.why_not(order)))
            return self._to(order)
        if request.method == "POST":
            seen = _version_seen(request)
        if request.method == "POST" and form.is_valid():
            address, code = request.META["REMOTE_ADDR"], ""
            given = {**form.cleaned_data, "expected_version": seen}
            try:
                done = perform(act, order.pk, given, by=by, now=now, address=address)
            except Refused as refused:
                code = refused.code
            else:
                if done.result != Result.NO_CHANGE:
                    messages.success(request, _("「%(act)s」を実行しました。") % {"act": chosen.label})
                    return self._to(order)
            order = queries.order_for_operator(order_id) or order
            form.add_error(None, refusal(chosen, order, code))
            seen = order.version
        more = {"prospect": prospect(chosen, order, now=now)} if chosen.reasons else {}
        return self._ask(request, order, form, chosen.label, version=seen, shows_dates=act == "ship-by", **more)

    def show_recipient(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Show whom the parcel goes to for a while, to somebody who says why; kept in the audit log (S-53)."""
        operator_of(request, duty=Duty.READ_ADDRESSES)
        order = queries.order_for_operator(order_id)
        if order is None:
            raise Http404
        form = NoteForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            with transaction.atomic():
                note(request, "order.recipient_read", order.number, reason=form.cleaned_data["note"])
            until = timezone.now() + ADDRESS_SHOWN_FOR
            request.session[SHOWN] = {str(order.pk): until.isoformat()}
            return self._to(order)
        return self._ask(request, order, form, _("お届け先を表示する"))

    def _to(self, order: Order) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))

    def _ask(self, request: HttpRequest, order: Order, form, title, **more: Any) -> HttpResponse:
        context = {
            **more,
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "order": order,
            "original": order,
            "title": title,
            "form": form,
        }
        return TemplateResponse(request, "admin/act.html", context)


def _version_seen(request: HttpRequest) -> int:
    """The version of the order that the operator has looked at; one that no order has if the form did not say."""
    sent = request.POST.get("expected_version", "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 10 else 0


def _is_shown(request: HttpRequest, order_id: int, now: datetime) -> bool:
    until = request.session.get(SHOWN, {}).get(str(order_id))
    return until is not None and now < datetime.fromisoformat(until)


def _whole_address(recipient: Recipient) -> str:
    parts = (
        recipient.name,
        recipient.postal_code,
        recipient.state,
        recipient.city,
        recipient.line1,
        recipient.line2,
        recipient.line3,
        recipient.phone,
    )
    return " ".join(part for part in parts if part)
