"""Orders in the admin: look at everything, edit no state, act only through the same actions as every door."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.access import operator_of
from accounts.actors import Actor
from accounts.admin import ReadOnlyAdmin, ReadOnlyInline
from cancellations import policy, wording
from cancellations.actions import CancelTarget, cancel
from cancellations.models import Cancellation, CancellationRequest
from cancellations.queries import rules_at
from events.models import Event
from orders import actions, queries, rules
from orders.models import Order, OrderItem, Recipient
from orders.outcomes import Outcome, Refused, sole
from payments.actions import verify_payment
from payments.models import Authorization, Charge, Refund
from shipments.models import Shipment


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


class RecipientInline(ReadOnlyInline):
    model = Recipient
    fields = ["name", "postal_code", "state", "city", "line1", "line2", "line3", "phone"]


class RequestInline(ReadOnlyInline):
    model = CancellationRequest
    fields = ["requested_at", "status", "reason_label", "buyer_text", "response_due_at", "decided_at"]
    show_change_link = True


class CancellationInline(ReadOnlyInline):
    model = Cancellation
    fields = ["cancelled_at", "role", "reason", "code", "counted", "sentence"]
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


class EventInline(ReadOnlyInline):
    model = Event
    fields = ["order_version", "happened_at", "name", "role", "door", "actor_name", "payload"]
    ordering = ["-order_version"]


# --- the operator's acts ----------------------------------------------------------------------------------


# The due moment that follows from a ship-by date must be in the calendar, too.
LAST_DAY = date(2999, 12, 31)


class NoteForm(forms.Form):
    """Every act of an operator says why."""

    note = forms.CharField(label=_("理由・メモ"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class ShipByForm(NoteForm):
    """A ship-by date for an order."""

    ship_by_date = forms.DateField(
        label=_("出荷予定日"),
        widget=forms.DateInput(attrs={"type": "date"}),
        validators=[MaxValueValidator(LAST_DAY)],
    )
    field_order = ["ship_by_date", "note"]

    def clean_ship_by_date(self) -> date:
        """A day already past would let the next sweep cancel the order."""
        day = self.cleaned_data["ship_by_date"]
        today = queries.local_day(timezone.now())
        if day < today:
            raise ValidationError(
                _("%(today)s以降の日付を指定してください。") % {"today": f"{today:%Y/%m/%d}"}, code="past"
            )
        return day


def _reasons() -> list:
    """The marketplace's reasons, and the seller's for support that acts for the seller."""
    return [
        ("", "—"),
        (_("運営の理由"), wording.reasons(policy.MARKETPLACE_REASONS)),
        (_("出品者に代わってキャンセル（出品者の理由で判定）"), wording.reasons(policy.SELLER_REASONS)),
    ]


class CancelForm(NoteForm):
    """A cancellation by the marketplace, or by support for one side (domain 5.3)."""

    reason = forms.ChoiceField(label=_("キャンセルの理由"), choices=_reasons)
    counts = forms.BooleanField(
        label=_("キャンセル率に含める"),
        required=False,
        help_text=_("「運営上のその他の理由」の場合のみ使われます。"),
    )
    field_order = ["reason", "counts", "note"]


def _verify(order_id: int, form: forms.Form, by: Actor, now) -> list[Outcome]:
    return verify_payment(order_ids=[order_id], by=by, now=now)


def _hold(order_id: int, form: forms.Form, by: Actor, now) -> list[Outcome]:
    return actions.hold(order_ids=[order_id], note=form.cleaned_data["note"], by=by, now=now)


def _release(order_id: int, form: forms.Form, by: Actor, now) -> list[Outcome]:
    return actions.release(order_ids=[order_id], note=form.cleaned_data["note"], by=by, now=now)


def _set_ship_by(order_id: int, form: forms.Form, by: Actor, now) -> list[Outcome]:
    return actions.set_ship_by(
        order_ids=[order_id],
        ship_by_date=form.cleaned_data["ship_by_date"],
        auto_cancel_days=rules_at(now).auto_cancel_days,
        note=form.cleaned_data["note"],
        by=by,
        now=now,
    )


def _cancel(order_id: int, form: forms.Form, by: Actor, now) -> list[Outcome]:
    target = CancelTarget(
        order_id,
        policy.Reason(form.cleaned_data["reason"]),
        note=form.cleaned_data["note"],
        counts=form.cleaned_data["counts"],
    )
    return cancel(targets=[target], by=by, now=now)


@dataclass(frozen=True, slots=True)
class Act:
    """One button on an order: its words, its form, the action it calls, and the states it is offered in."""

    label: Promise
    form: type[forms.Form]
    run: Callable[..., list[Outcome]]
    offered: Callable[[Order], bool]


def _unfinished(order: Order) -> bool:
    return order.status not in rules.FINAL_STATUSES


ACTS = {
    "verify-payment": Act(
        _("お支払いを確認済みにする"), forms.Form, _verify, lambda o: o.status == o.Status.PENDING
    ),
    "hold": Act(_("保留にする"), NoteForm, _hold, lambda order: _unfinished(order) and not order.on_hold),
    "release": Act(_("保留を解除する"), NoteForm, _release, lambda order: _unfinished(order) and order.on_hold),
    "ship-by": Act(_("出荷予定日を設定する"), ShipByForm, _set_ship_by, _unfinished),
    "cancel": Act(_("注文をキャンセルする"), CancelForm, _cancel, _unfinished),
}


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


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Every order with all that happened to it, and the marketplace's acts as buttons."""

    list_display = ["number", "placed_at", "seller", "status", "ship_by_date", "auto_cancel_due_at", "on_hold"]
    list_filter = ["status", "on_hold", WithoutShipBy, "fulfillment_channel"]
    search_fields = ["number__exact", "buyer__email__exact"]
    search_help_text = _("注文番号、購入者のメールアドレス")
    list_select_related = ["seller"]
    ordering = ["-id"]
    inlines = [
        ItemInline,
        RecipientInline,
        RequestInline,
        CancellationInline,
        ShipmentInline,
        AuthorizationInline,
        ChargeInline,
        RefundInline,
        EventInline,
    ]

    def get_urls(self):
        act = path("<int:order_id>/<slug:act>/", self.admin_site.admin_view(self.act), name="orders_order_act")
        return [*super().get_urls()[:-1], act, super().get_urls()[-1]]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        order = self.get_object(request, object_id)
        acts = [(name, act.label) for name, act in ACTS.items() if order and act.offered(order)]
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "acts": acts})

    def act(self, request: HttpRequest, order_id: int, act: str) -> HttpResponse:
        """Ask for what the act needs, then call its action."""
        by = operator_of(request)
        order = queries.order_for_operator(order_id)
        chosen = ACTS.get(act)
        if order is None or chosen is None:
            raise Http404
        form = chosen.form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                sole(chosen.run(order.pk, form, by, timezone.now()))
            except Refused as refused:
                form.add_error(None, wording.refusal(refused.code))
            else:
                messages.success(request, _("「%(act)s」を実行しました。") % {"act": chosen.label})
                return HttpResponseRedirect(reverse("admin:orders_order_change", args=[order.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "order": order,
            "title": chosen.label,
            "form": form,
        }
        return TemplateResponse(request, "admin/orders/order/act.html", context)
