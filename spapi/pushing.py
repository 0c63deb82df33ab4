"""Telling software of shops: destination after destination, each at its own pace (domain 14.9, reliability F-60).

One process at a time sends, and of each order a destination hears the changes in their order. One that does not
answer, or refuses again and again, rests, longer each time, and holds up nobody else.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from celery.exceptions import SoftTimeLimitExceeded
from cryptography.fernet import InvalidToken
from django.utils.module_loading import import_string

from events.actions import Undeliverable, subscriptions
from events.models import Delivery
from events.queries import alone

from . import actions, queries, queues, rules, webhooks
from .messages import message_id
from .models import Destination
from .rules import Trouble

logger = logging.getLogger(__name__)

BATCH = 50
LOCK = "spapi.pushing"
# For one run; with the last message's own time it stays below the task's limit.
WORKING_TIME = timedelta(seconds=20)
# After so many refusals in a row a destination is left alone for a while, as if it had not answered.
MOST_REFUSED = 3
# A destination that took longer for a message lets the others go on before it gets its next.
SLOW = timedelta(seconds=1)
SETTLED, REFUSED, UNREACHABLE = "settled", "refused", "unreachable"


def push_due(*, clock: Callable[[], datetime]) -> int:
    """Send what is due to every destination that is not at rest; return how many messages were tried.

    One process at a time does this, so that slow destinations never keep all workers from other work.
    """
    with alone(LOCK, 0) as is_alone:
        return _push_all(clock, clock() + WORKING_TIME) if is_alone else 0


def _push_all(clock: Callable[[], datetime], end: datetime) -> int:
    tried, idle = 0, set[int]()
    while clock() <= end and (destination := actions.claim(clock(), idle=idle)):
        try:
            count, goes_on = _serve(destination, clock, end)
        finally:
            actions.release(destination, clock())
        tried += count
        if not goes_on:
            idle.add(destination.pk)
    return tried


def _serve(destination: Destination, clock: Callable[[], datetime], end: datetime) -> tuple[int, bool]:
    """Send a destination what is due for it; how many messages were tried, and whether there may be more by now."""
    tried = refused = 0
    for delivery in queries.next_pushes(destination, clock(), limit=BATCH):
        if clock() > end:
            return tried, False
        tried, begun = tried + 1, clock()
        said = _push(destination, delivery, clock)
        if said == UNREACHABLE:
            return tried, False
        refused = refused + 1 if said == REFUSED else 0
        if refused >= MOST_REFUSED:
            actions.rest(destination, Trouble.REFUSES, clock())
            return tried, False
        if clock() - begun > SLOW:
            return tried, False
    return tried, tried > 0


def _push(destination: Destination, delivery: Delivery, clock: Callable[[], datetime]) -> str:
    """Send one message, keep the answer, and say what it was."""
    try:
        if not queries.may_hear(delivery.subscription_id or 0, clock()):
            raise Undeliverable(Trouble.NO_KEYS)
        body = _body(delivery, clock())
        _send(destination, delivery, body, clock())
    except Undeliverable as error:
        actions.give_up(delivery, f"{error}")
        return SETTLED
    except webhooks.NotTaken as error:
        actions.not_taken(delivery, f"{error}", clock())
        return REFUSED
    except webhooks.Unreachable as error:
        actions.unreachable(destination, delivery, f"{error}", clock())
        return UNREACHABLE
    except InvalidToken:
        actions.unreachable(destination, delivery, Trouble.NO_SECRET, clock())
        return UNREACHABLE
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        # Whatever a message raises, the row keeps it and comes back; others are not held up.
        logger.exception("The message %s failed", delivery.key)
        actions.not_taken(delivery, repr(error), clock())
        return REFUSED
    actions.taken(destination, delivery, clock())
    return SETTLED


def _body(delivery: Delivery, now: datetime) -> bytes:
    make = import_string(subscriptions()[delivery.event.name][delivery.listener].path)
    return msgspec.json.encode(make(delivery, now=now))


def _send(destination: Destination, delivery: Delivery, body: bytes, now: datetime) -> None:
    if destination.kind == Destination.Kind.QUEUE:
        queues.send(destination.address, body)
        return
    name = message_id(delivery)
    secrets = actions.secrets_of(destination, now)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "portal-webhooks/1",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": rules.signatures(secrets, message_id=name, moment=now, body=body),
    }
    webhooks.send(destination.address, body, headers)
