"""A shop contests a record, or asks for its one correction; an operator decides (domain 9.6, B13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.actors import Actor
from cancellations.actions import exclude
from events.actions import Entry, record
from messaging.files import File
from metrics.contest import MOST_FILES, Kind, Refusal, corrects_itself, why_cannot_ask
from metrics.dispute_queries import contested, events_of_order, messages_of_order, record_of
from metrics.models import Dispute, DisputeFile
from orders.queries import local_day, zone

from .snapshots import correct_snapshots, lock_sellers
from .states import look_again


class Refused(Exception):
    """Nothing was changed; `refusal` says why."""

    def __init__(self, refusal: Refusal):
        super().__init__(refusal)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a shop points at: entries of the order's history, messages about it, files of its own."""

    events: Sequence[int] = ()
    messages: Sequence[int] = ()
    files: Sequence[File] = ()


def open_dispute(
    *, seller_id: int, cancellation_id: int, text: str, evidence: Evidence, by: Actor, now: datetime
) -> Dispute:
    """Contest a cancellation that counts, within 30 days, once (domain 9.6).

    Only what belongs to the order is kept of the evidence.

    Raises Refused if the policy says no, and LookupError for a cancellation that is not this shop's.
    """
    with transaction.atomic():
        dispute = _ask(Kind.DISPUTE, seller_id, cancellation_id, text, by, now)
        order_id = dispute.cancellation.order_id
        dispute.events.set(events_of_order(order_id).filter(pk__in=evidence.events))
        dispute.messages.set(messages_of_order(order_id).filter(pk__in=evidence.messages))
        DisputeFile.objects.bulk_create(
            DisputeFile(
                dispute=dispute, name=file.name, kind=file.kind.value, size=len(file.content), content=file.content
            )
            for file in evidence.files[:MOST_FILES]
        )
        return dispute


def ask_correction(*, seller_id: int, cancellation_id: int, text: str, by: Actor, now: datetime) -> Dispute:
    """Ask once, within 7 days, to record 購入者によるキャンセル: the shop sent another reason by mistake (B13).

    Granted at once if the request covered all units and the reason was not 在庫切れ, else left to an operator.

    Raises Refused if the policy says no, and LookupError for a cancellation that is not this shop's.
    """
    with transaction.atomic():
        dispute = _ask(Kind.CORRECTION, seller_id, cancellation_id, text, by, now)
        if corrects_itself(record_of(dispute.cancellation)):
            decided = _close(dispute, grant=True, reason="", by=None, now=now)
            record([_entry("dispute.decided", each) for each in decided], by=by, now=now)
        return dispute


def decide(*, dispute_id: int, grant: bool, reason: str, by: Actor, now: datetime) -> Dispute:
    """Grant or reject what a shop asked; a granted record leaves the rate at once (E26), the shop is told (M-22).

    Raises Refused if it is decided already.
    """
    with transaction.atomic():
        seller_id = Dispute.objects.values_list("seller_id", flat=True).get(pk=dispute_id)
        lock_sellers([seller_id])
        dispute = Dispute.objects.select_for_update(of=("self",)).select_related("cancellation").get(pk=dispute_id)
        if dispute.state != Dispute.State.OPEN:
            raise Refused(Refusal.NOT_OPEN)
        decided = _close(dispute, grant=grant, reason=reason, by=by, now=now)
        record([_entry("dispute.decided", each) for each in decided], by=by, now=now)
        return dispute


def _ask(kind: Kind, seller_id: int, cancellation_id: int, text: str, by: Actor, now: datetime) -> Dispute:
    if by.user_id is None:
        raise ValueError("only people contest a record")
    # A shop's rate is held first, everywhere: snapshots and decisions wait for each other in one order.
    lock_sellers([seller_id])
    cancellation = contested(seller_id, cancellation_id)
    if cancellation is None:
        raise LookupError
    if refusal := why_cannot_ask(kind, record_of(cancellation), now=now, zone=zone()):
        raise Refused(refusal)
    dispute = Dispute.objects.create(
        cancellation=cancellation,
        seller_id=seller_id,
        kind=kind.value,
        text=text,
        opened_at=now,
        opened_by_id=by.user_id,
    )
    record([_entry("dispute.opened", dispute)], by=by, now=now)
    return dispute


def _close(dispute: Dispute, *, grant: bool, reason: str, by: Actor | None, now: datetime) -> list[Dispute]:
    """Keep the decision; what was granted is taken out of the rate, and of the snapshots that it was in.

    A record that is out has nothing left to contest: what else was asked about it is granted with it. Returns all
    that is decided now.
    """
    decided = [dispute]
    if grant:
        besides = Dispute.objects.select_for_update().filter(
            cancellation_id=dispute.cancellation_id, state=Dispute.State.OPEN
        )
        decided += besides.exclude(pk=dispute.pk)
    for each in decided:
        each.state = Dispute.State.GRANTED if grant else Dispute.State.REJECTED
        each.decided_at, each.decision_reason = now, reason
        each.decided_by_id = by.user_id if by else None
        each.save(update_fields=["state", "decided_at", "decision_reason", "decided_by"])
    if grant and exclude(cancellation_ids=[dispute.cancellation_id]):
        correct_snapshots(seller_id=dispute.seller_id, since=local_day(dispute.cancellation.cancelled_at))
        look_again(seller_id=dispute.seller_id)
    return decided


def _entry(name: str, dispute: Dispute) -> Entry:
    return Entry(
        name,
        subject=f"dispute:{dispute.pk}",
        payload={"dispute": dispute.pk, "cancellation": dispute.cancellation_id, "state": dispute.state},
        seller_id=dispute.seller_id,
    )
