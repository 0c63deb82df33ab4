"""Reads of talks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Prefetch, Q, QuerySet

from .models import Attachment, Message, Thread

PAGE_SIZE = 20
UNREAD_CAP = 99
# A page shows no more of one talk than its latest so many messages.
MESSAGES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Some talks, newest first; `older` is where the next page goes on, empty at the end."""

    threads: list[Thread]
    older: str


def threads_of_seller(seller_id: int, *, unread: bool = False, wish: bool = False, before: str = "") -> Page:
    """Talks of a shop, newest first (indices `threads_of_seller`, `…unread_by_seller`, `…with_a_wish`)."""
    rows = Thread.objects.filter(seller_id=seller_id)
    if unread:
        rows = rows.filter(unread_by_seller__gt=0)
    if wish:
        rows = rows.filter(has_wish=True)
    return _page(rows, before)


def threads_of_buyer(user_id: int, *, before: str = "") -> Page:
    """Talks of a buyer, newest first (index `threads_of_buyer`)."""
    return _page(Thread.objects.filter(buyer_id=user_id), before)


def _page(rows: QuerySet[Thread], before: str) -> Page:
    if edge := _edge(before):
        moment, key = edge
        rows = rows.filter(Q(last_at__lt=moment) | Q(last_at=moment, pk__lt=key), last_at__lte=moment)
    newest = rows.select_related("order", "seller", "buyer").order_by("-last_at", "-pk")
    found = list(newest[: PAGE_SIZE + 1])
    older = (
        f"{found[PAGE_SIZE - 1].last_at.isoformat()}_{found[PAGE_SIZE - 1].pk}" if len(found) > PAGE_SIZE else ""
    )
    return Page(found[:PAGE_SIZE], older)


def _edge(before: str) -> tuple[datetime, int] | None:
    """Where a page goes on; None for what no page of ours wrote."""
    moment, _, key = before.partition("_")
    try:
        read = datetime.fromisoformat(moment).astimezone(UTC)  # other offsets than ours are read, too
        return (read, int(key)) if len(key) < 19 and moment[-6:-5] == "+" else None
    except (ValueError, OverflowError):
        return None


def unread_of_seller(seller_id: int) -> int:
    """How many talks of a shop have something new, as far as anybody counts."""
    return unread_threads(seller_id).count()


def unread_threads(seller_id: int) -> QuerySet[Thread]:
    """Talks of a shop with something new, as far as anybody counts (index `threads_unread_by_seller`)."""
    return Thread.objects.filter(seller_id=seller_id, unread_by_seller__gt=0)[: UNREAD_CAP + 1]


def unread_of_buyer(user_id: int) -> int:
    """How many talks of a buyer have something new, as far as anybody counts."""
    return Thread.objects.filter(buyer_id=user_id, unread_by_buyer__gt=0)[: UNREAD_CAP + 1].count()


def thread_of(order_id: int) -> Thread | None:
    """The talk about an order, if anybody said anything."""
    return Thread.objects.filter(order_id=order_id).first()


def _names_of_files() -> Prefetch:
    return Prefetch("attachments", Attachment.objects.defer("content").order_by("pk"))


@dataclass(frozen=True, slots=True)
class Talk:
    """Some messages of a talk, the oldest first; `older` is the key of the next older, 0 if there is none."""

    messages: list[Message]
    older: int
    is_latest: bool


def messages_of(thread_id: int, *, at: int = 0) -> Talk:
    """The latest messages of a talk with their files; if `at` is none of them, those up to it."""
    newest = Message.objects.filter(thread_id=thread_id).order_by("-pk").prefetch_related(_names_of_files())
    found = list(newest[: MESSAGES_SHOWN + 1])
    is_latest = not at or len(found) <= MESSAGES_SHOWN or found[MESSAGES_SHOWN - 1].pk <= at
    if not is_latest:
        found = list(newest.filter(pk__lte=at)[: MESSAGES_SHOWN + 1])
    older = found[MESSAGES_SHOWN].pk if len(found) > MESSAGES_SHOWN else 0
    return Talk(found[:MESSAGES_SHOWN][::-1], older, is_latest)


def files_waiting(order_id: int, user_id: int) -> list[Attachment]:
    """What a person added to a message that is not sent yet, without what is in it."""
    rows = Attachment.objects.filter(order_id=order_id, user_id=user_id, message=None)
    return list(rows.defer("content").order_by("pk"))


def file_of_order(order_id: int, key: int, user_id: int) -> Attachment | None:
    """A file that was sent in an order's talk, or that this person is about to send."""
    seen = Q(message__isnull=False) | Q(user_id=user_id)
    return Attachment.objects.filter(seen, order_id=order_id, pk=key).first()


def wishes_of(order_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Keys of the buyers' messages that wish for a cancellation, by order (domain 9.2)."""
    found: dict[int, tuple[int, ...]] = {}
    rows = Message.objects.filter(wishes=True, thread__order_id__in=list(order_ids)).order_by("pk")
    for order_id, key in rows.values_list("thread__order_id", "pk"):
        found[order_id] = (*found.get(order_id, ()), key)
    return found


def message_of_event(subject: str) -> Message | None:
    """The message that an event is about."""
    rows = Message.objects.select_related("thread__order__seller", "thread__buyer")
    return rows.prefetch_related(_names_of_files()).filter(pk=int(subject)).first()
