"""The operators' acts on an order: the words, the form, who may, in which states, and the action it calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.actors import Actor, Role
from accounts.duties import Duty
from cancellations import policy, wording
from cancellations.actions import CancelTarget, cancel
from cancellations.models import CancellationRequest
from cancellations.queries import asked_of, cancellation_facts, facts_of, rules_at
from events.actions import audit
from orders import actions, queries, rules
from orders.models import Order, OrderItem
from orders.outcomes import Outcome, Result, sole
from payments.actions import verify_payment
from payments.queries import sold_of
from payments.rules import what_cancelling_gives


class NoteForm(forms.Form):
    """Every act of an operator says why."""

    note = forms.CharField(
        label=_("理由・メモ"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("理由を入力してください。")},
    )


class ShipByForm(NoteForm):
    """A ship-by date for an order."""

    ship_by_date = forms.DateField(
        label=_("出荷予定日"),
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={
            "required": _("出荷予定日を入力してください。"),
            "invalid": _("出荷予定日を「2026/12/31」の形式で入力してください。"),
        },
    )
    field_order = ["ship_by_date", "note"]


def _sellers_reasons() -> list[tuple[str, str]]:
    return [("", "—"), *wording.reasons(policy.SELLER_REASONS)]


class ForSellerForm(NoteForm):
    """The seller's reason: it decides whether the cancellation counts, as if the seller had sent it (D-06)."""

    reason = forms.ChoiceField(
        label=_("キャンセルの理由"),
        choices=_sellers_reasons,
        help_text=_("出品者の理由で判定します。"),
        error_messages={"required": _("キャンセルの理由を選択してください。")},
    )
    field_order = ["reason", "note"]


class OtherForm(NoteForm):
    """A reason of the marketplace's own (law, recall, policy): the operator says whether it counts (D-06)."""

    counts = forms.BooleanField(label=_("キャンセル率に含める"), required=False)
    field_order = ["counts", "note"]


Run = Callable[[int, Mapping[str, Any], Actor, datetime], list[Outcome]]


def _verify(order_id: int, given: Mapping[str, Any], by: Actor, now: datetime) -> list[Outcome]:
    return verify_payment(order_ids=[order_id], by=by, now=now)


def _hold(order_id: int, given: Mapping[str, Any], by: Actor, now: datetime) -> list[Outcome]:
    return actions.hold(order_ids=[order_id], note=given["note"], by=by, now=now)


def _release(order_id: int, given: Mapping[str, Any], by: Actor, now: datetime) -> list[Outcome]:
    return actions.release(order_ids=[order_id], note=given["note"], by=by, now=now)


def _set_ship_by(order_id: int, given: Mapping[str, Any], by: Actor, now: datetime) -> list[Outcome]:
    return actions.set_ship_by(
        order_ids=[order_id],
        ship_by_date=given["ship_by_date"],
        auto_cancel_days=rules_at(now).auto_cancel_days,
        note=given["note"],
        by=by,
        now=now,
    )


def _cancel(fixed: policy.Reason | None = None) -> Run:
    """Cancel all open units, for one reason or for the one chosen in the form."""

    def run(order_id: int, given: Mapping[str, Any], by: Actor, now: datetime) -> list[Outcome]:
        reason = fixed or policy.Reason(given["reason"])
        target = CancelTarget(
            order_id,
            reason,
            note=given["note"],
            expected_version=given["expected_version"],
            counts=given.get("counts", False),
        )
        return cancel(targets=[target], by=by, now=now)

    return run


@dataclass(frozen=True, slots=True)
class Act:
    """One button on an order: its words, who has it, its form, its action, the states it is offered in.

    `already` is said where nothing was left to do; `reasons` are those that it may cancel for; `why_not` is the code of
    the policy's refusal.
    """

    label: Promise
    duty: Duty
    run: Run
    offered: Callable[[Order], bool]
    form: type[forms.Form] = NoteForm
    already: Promise | str = ""
    reasons: tuple[policy.Reason, ...] = ()
    why_not: Callable[[Order], str] = lambda order: ""


def _unfinished(order: Order) -> bool:
    return order.status not in rules.FINAL_STATUSES


def _pending(order: Order) -> bool:
    return order.status == Order.Status.PENDING


def _cancelling(label: Promise, duty: Duty, *reasons: policy.Reason, form: type[forms.Form] = NoteForm) -> Act:
    """An act that cancels all open units, offered where the policy lets the marketplace do so for any reason of it."""

    def why_not(order: Order) -> str:
        facts = facts_of(order, None)
        units = facts.open_units()
        refusals = [policy.why_marketplace_cannot_cancel(facts, units, reason) for reason in reasons]
        return "" if None in refusals else str(refusals[0])

    run = _cancel(reasons[0] if len(reasons) == 1 else None)
    return Act(label, duty, run, lambda order: not why_not(order), form, reasons=reasons, why_not=why_not)


ACTS = {
    "verify-payment": Act(
        _("お支払いを確認済みにする"),
        Duty.VERIFY,
        _verify,
        _pending,
        already=_("この注文のお支払いはすでに確認済みです。"),
    ),
    "hold": Act(
        _("保留にする"),
        Duty.HOLD,
        _hold,
        lambda order: _unfinished(order) and not order.on_hold,
        already=_("この注文はすでに保留中です。"),
    ),
    "release": Act(
        _("保留を解除する"),
        Duty.HOLD,
        _release,
        lambda order: _unfinished(order) and order.on_hold,
        already=_("この注文は、運営による保留の対象になっていません。"),
    ),
    "ship-by": Act(
        _("出荷予定日を設定する"),
        Duty.SHIP_BY,
        _set_ship_by,
        _unfinished,
        ShipByForm,
        already=_("出荷予定日はすでにこの日付です。"),
    ),
    "cancel-for-buyer": _cancelling(
        _("購入者に代わってキャンセルする"), Duty.SUPPORT_CANCEL, policy.Reason.SUPPORT_FOR_BUYER
    ),
    "cancel-for-seller": _cancelling(
        _("出品者に代わってキャンセルする"), Duty.SUPPORT_CANCEL, *policy.SELLER_REASONS, form=ForSellerForm
    ),
    "cancel-unpaid": _cancelling(
        _("お支払いの確認に失敗したためキャンセルする"), Duty.RISK_CANCEL, policy.Reason.PAYMENT_FAILED
    ),
    "cancel-fraud": _cancelling(_("不正行為のためキャンセルする"), Duty.RISK_CANCEL, policy.Reason.FRAUD),
    "cancel-other": _cancelling(
        _("運営上の理由でキャンセルする"), Duty.OTHER_CANCEL, policy.Reason.MARKETPLACE_OTHER, form=OtherForm
    ),
}


def refusal(act: Act, order: Order, code: str = "") -> str:
    """Why an act was not done on an order as it stands now; without a code, nothing was left to do."""
    if order.status in rules.FINAL_STATUSES:
        return gettext("この注文はすでに終了しています。最新の状態をご確認ください。")
    if code:
        return wording.refusal(code)
    return str(act.already) or gettext("変更はありません。")


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a cancellation would do: to which units, with what money, with which effect on the rate for which reason.

    `shipping` is given back where nothing was sent. `request` is the buyer's open one: it decides which reason is
    right; `asked_for` are its titles and units.
    """

    lines: list[tuple[OrderItem, Decimal | None]]
    shipping: Decimal
    amount: Decimal | None
    effects: list[tuple[str, str]]
    request: CancellationRequest | None
    asked_for: list[tuple[str, int]]
    is_part: bool


def prospect(act: Act, order: Order, *, now: datetime) -> Prospect:
    """Judge the cancellation of all open units as the act would, without doing it."""
    asked = asked_of([order.pk]).get(order.pk)
    facts, in_force = facts_of(order, asked), rules_at(now)
    effects: dict[tuple[str, str], None] = {}
    for reason in act.reasons:
        for counts in (False, True) if reason == policy.Reason.MARKETPLACE_OTHER else (False,):
            verdict = policy.classify(
                cancellation_facts(
                    order,
                    facts,
                    role=Role.MARKETPLACE,
                    reason=reason,
                    units=facts.open_units(),
                    rules=in_force,
                    operator_says_counts=counts,
                )
            )
            words = wording.reason_label(reason)
            if reason == policy.Reason.MARKETPLACE_OTHER:
                words = (
                    gettext("「キャンセル率に含める」にチェックを入れた場合")
                    if counts
                    else gettext("チェックを入れない場合")
                )
            effects[words, wording.prospect(verdict.code, verdict.counted)] = None
    sold = sold_of([order]).get(order.pk)
    back = what_cancelling_gives(sold, facts.open_units()).amounts if sold else {}
    lines = [
        (line, back.get(line.pk) if sold else _money_of_open(line, order.currency))
        for line in order.lines
        if line.quantity_open
    ]
    shipping = Decimal(0)
    if not any(line.quantity_shipped for line in order.lines):
        shipping = sum((line.shipping_amount for line in order.lines), Decimal(0))
    covered = facts.request.covered if facts.request else {}
    titles = {line.pk: line.title for line in order.lines}
    return Prospect(
        lines,
        shipping,
        rules.sum_or_none([*(amount for _line, amount in lines), shipping]),
        list(effects),
        asked.open if asked else None,
        [(titles[key], units) for key, units in covered.items()],
        bool(covered) and not policy.covers(covered, facts.open_units()),
    )


def _money_of_open(line: OrderItem, currency: str) -> Decimal | None:
    return line.goods_amount and rules.share(
        amount=line.goods_amount,
        units=line.quantity_ordered,
        before=line.quantity_cancelled,
        taken=line.quantity_open,
        currency=currency,
    )


def perform(
    name: str, order_id: int, given: Mapping[str, Any], *, by: Actor, now: datetime, address: str | None
) -> Outcome:
    """Do an operator's act, and keep in the same transaction what the order was before and after (S-52).

    Raises Refused if the order refuses it; then nothing is kept.
    """
    with transaction.atomic():
        before = _standing(order_id)
        done = sole(ACTS[name].run(order_id, given, by, now))
        if done.result != Result.NO_CHANGE:
            audit(
                act=f"order.{name}",
                by=by,
                now=now,
                subject=done.number,
                reason=given["note"],
                before=before,
                after=_standing(order_id) | _decided(given, done),
                address=address,
            )
    return done


def _decided(given: Mapping[str, Any], done: Outcome) -> dict[str, Any]:
    """What the operator chose, and what came of it for the rate."""
    decided = {"reason": given["reason"]} if "reason" in given else {}
    return decided if done.counted is None else {**decided, "counted": done.counted}


def _standing(order_id: int) -> dict[str, Any]:
    """How an order stands, for the audit log; its lock is kept until the act is done."""
    order = queries.lock_orders([order_id]).get(order_id)
    if order is None:
        return {}
    return {
        "status": order.status,
        "on_hold": order.on_hold,
        "ship_by_date": order.ship_by_date and order.ship_by_date.isoformat(),
        "auto_cancel_due_at": order.auto_cancel_due_at and order.auto_cancel_due_at.isoformat(),
        "open_units": sum(line.quantity_open for line in order.lines),
        "version": order.version,
    }
