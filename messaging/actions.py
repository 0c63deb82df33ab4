"""Say something about an order, with files, and note that it was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, QuerySet, Value, When

from accounts.actors import Actor, Role
from accounts.queries import people_who_refuse
from cancellations.words import Refusal
from events.actions import Entry, record
from orders import queries as order_queries
from orders.actions import in_batches, outcome
from orders.models import Order
from orders.outcomes import Outcome, Result

from . import rules
from .files import MOST_FILES, File
from .models import Attachment, Message, Thread

# Of a message people of the shop may leave out the mail (domain 12.2).
SELLERS_MAIL = "M-23"
EXCERPT = 200
# What was added to a message that was never sent is kept this long.
KEEPS_UNSENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class MessageTarget:
    """Say something about one order."""

    order_id: int
    topic: rules.Topic
    text: str
    files: tuple[File, ...] = ()
    # Files that the same person added before (`keep_files`), by their keys.
    kept: tuple[int, ...] = ()
    # Whether the shop may speak of cancelling: the buyer asked for it officially, or the words are the portal's own.
    may_speak_of_cancelling: bool = False


def send(*, targets: Sequence[MessageTarget], by: Actor, now: datetime) -> list[Outcome]:
    """Say something about orders, as their buyer or their shop (domain 12.1).

    The other side has it in its talk at once, and a mail; a buyer who refuses unimportant messages gets no mail of
    a topic that is not critical (D-32). A message is no change of its order. Its files go with it; what the same
    person added to this talk and did not send now is forgotten.
    """

    def act(batch: Sequence[MessageTarget]) -> list[Outcome]:
        locked = order_queries.lock_orders(target.order_id for target in batch)
        said = [target for target in batch if not why_nothing_is_said(locked.get(target.order_id))]
        threads = _threads(said, locked, now)
        wished = {thread.pk for thread in threads.values() if thread.has_wish}
        messages = []
        for target in said:
            thread = threads[target.order_id]
            from_seller = by.role == Role.SELLER
            wishes = not from_seller and rules.wishes_to_cancel(target.topic, target.text)
            messages.append(
                Message(
                    thread=thread,
                    seller_id=thread.seller_id,
                    side=Message.Side.SELLER if from_seller else Message.Side.BUYER,
                    user_id=by.user_id,
                    name=by.name[:100],
                    topic=target.topic,
                    text=target.text,
                    sent_at=now,
                    wishes=wishes,
                    pushes=from_seller
                    and rules.pushes_to_cancel(
                        target.text, buyer_spoke=target.may_speak_of_cancelling or thread.pk in wished
                    ),
                )
            )
        Message.objects.bulk_create(messages)
        _attach(said, messages, by, now)
        _note_latest(messages, now)
        _tell(messages, locked, by, now)
        return [_answer(target, locked.get(target.order_id)) for target in batch]

    return in_batches(targets, act, order_id=lambda target: target.order_id)


def keep_files(
    *, order_id: int, files: Sequence[File], keeping: Sequence[int], by: Actor, now: datetime
) -> list[Attachment]:
    """Keep files for a message that is not sent yet; return all that wait for it, the first added first.

    `keeping` are keys of what was returned before; what else this person added to the talk is forgotten, and so is
    whatever would be more than a message may have. Where nothing may be said, nothing is kept.
    """
    with transaction.atomic():
        if why_nothing_is_said(order_queries.lock_orders([order_id]).get(order_id)):
            return []
        waiting = _waiting(order_id, by)
        waiting.exclude(pk__in=keeping).delete()
        kept = list(waiting.defer("content").order_by("pk"))
        rows = [_row(order_id, file, by, now) for file in files[: MOST_FILES - len(kept)]]
        return kept + Attachment.objects.bulk_create(rows)


def forget_files(*, now: datetime) -> int:
    """Delete what was added to messages that were never sent; return how many files that were."""
    return Attachment.objects.filter(message=None, added_at__lt=now - KEEPS_UNSENT).delete()[0]


def _person(by: Actor) -> int:
    if by.user_id is None:
        raise ValueError("only people add files")
    return by.user_id


def _waiting(order_id: int, by: Actor) -> QuerySet[Attachment]:
    return Attachment.objects.filter(order_id=order_id, user_id=_person(by), message=None)


def _row(order_id: int, file: File, by: Actor, now: datetime, message: Message | None = None) -> Attachment:
    return Attachment(
        order_id=order_id,
        user_id=_person(by),
        message=message,
        name=file.name,
        kind=file.kind.value,
        size=len(file.content),
        content=file.content,
        added_at=now,
    )


def _attach(said: Sequence[MessageTarget], messages: Sequence[Message], by: Actor, now: datetime) -> None:
    """Let files go with their messages, and forget what the same person added and did not send; only people add any."""
    if by.user_id is None:
        return
    waiting = Attachment.objects.filter(
        order_id__in=[target.order_id for target in said], user_id=by.user_id, message=None
    )
    fresh = []
    for target, message in zip(said, messages, strict=True):
        if target.kept:
            waiting.filter(order_id=target.order_id, pk__in=target.kept).update(message=message)
        fresh += [_row(target.order_id, file, by, now, message) for file in target.files]
    waiting.delete()
    Attachment.objects.bulk_create(fresh)


def why_nothing_is_said(order: Order | None) -> Refusal | None:
    """Why nothing is said: a file may have named no buyer, and a shop never learns who did not pay (domain 3.1)."""
    if order is None or not order.buyer_id:
        return Refusal.ORDER_NOT_FOUND
    return None if order.payment_verified_at else Refusal.PERMISSION_DENIED


def _answer(target: MessageTarget, order: Order | None) -> Outcome:
    if order is None:
        return Outcome(target.order_id, Result.ERROR, Refusal.ORDER_NOT_FOUND)
    why_not = why_nothing_is_said(order)
    return outcome(order, Result.ERROR, why_not) if why_not else outcome(order, Result.DONE)


def _threads(said: Sequence[MessageTarget], locked, now: datetime) -> dict[int, Thread]:
    """The talks of locked orders, begun where there is none."""
    order_ids = {target.order_id for target in said}
    known = {row.order_id: row for row in Thread.objects.filter(order_id__in=order_ids)}
    fresh = [
        Thread(order=locked[key], seller_id=locked[key].seller_id, buyer_id=locked[key].buyer_id, last_at=now)
        for key in sorted(order_ids - set(known))
    ]
    Thread.objects.bulk_create(fresh)
    return known | {row.order_id: row for row in fresh}


def _note_latest(messages: Sequence[Message], now: datetime) -> None:
    """What lists show of each talk: its last message, who has not read it, and whether the buyer wished."""
    latest = {message.thread_id: message for message in messages}
    if not latest:
        return
    texts = [When(pk=key, then=Value(" ".join(message.text.split())[:EXCERPT])) for key, message in latest.items()]
    rows = Thread.objects.filter(pk__in=latest)
    from_seller = messages[0].side == Message.Side.SELLER
    unread = "unread_by_buyer" if from_seller else "unread_by_seller"
    rows.update(last_at=now, last_text=Case(*texts), **{unread: F(unread) + 1})
    if wishing := [message.thread_id for message in messages if message.wishes]:
        rows.filter(pk__in=wishing).update(has_wish=True)


def _tell(messages: Sequence[Message], locked, by: Actor, now: datetime) -> None:
    from_seller = by.role == Role.SELLER
    name = "message.sent_by_seller" if from_seller else "message.sent_by_buyer"
    refusing = people_who_refuse(message.thread.buyer_id for message in messages) if from_seller else set()
    entries = []
    for message in messages:
        unwanted = message.thread.buyer_id in refusing and not rules.is_critical(rules.Topic(message.topic))
        entries.append(
            Entry(
                name,
                subject=f"{message.pk}",
                seller_id=None if from_seller else message.thread.seller_id,
                person_id=message.thread.buyer_id if from_seller else None,
                mute=frozenset({"mail_buyer"}) if unwanted else frozenset(),
                may_silence="" if from_seller else SELLERS_MAIL,
            )
        )
    record(entries, by=by, now=now)


def mark_read(*, order_id: int, by_seller: bool) -> None:
    """Whoever opens a talk has read it."""
    side = "unread_by_seller" if by_seller else "unread_by_buyer"
    Thread.objects.filter(order_id=order_id, **{f"{side}__gt": 0}).update(**{side: 0})
