"""Telling software of shops: destination after destination, each at its own pace (domain 14.9, reliability F-60).

A destination is served by one worker at a time, and of each order it hears the changes in their order. One that does
not answer rests, longer each time, and holds up nobody else.
"""

import logging
from collections.abc import Callable
from datetime import datetime

import msgspec
from cryptography.fernet import InvalidToken
from django.utils.module_loading import import_string

from events.actions import WORKING_TIME, Undeliverable, subscriptions
from events.models import Delivery

from . import actions, queries, queues, rules, webhooks
from .messages import message_id
from .models import Destination

logger = logging.getLogger(__name__)

BATCH = 50


def push_due(*, clock: Callable[[], datetime]) -> int:
    """Send what is due to every destination that is not at rest; return how many messages were tried."""
    tried, idle = 0, set[int]()
    began = clock()
    while clock() - began <= WORKING_TIME and (destination := actions.claim(clock(), idle=idle)):
        count, goes_on = _serve(destination, clock)
        actions.release(destination, clock())
        tried += count
        if not goes_on:
            idle.add(destination.pk)
    return tried


def _serve(destination: Destination, clock: Callable[[], datetime]) -> tuple[int, bool]:
    """Send a destination what is due for it; how many messages were tried, and whether there may be more by now."""
    began = clock()
    tried = 0
    for delivery in queries.next_pushes(destination, began, limit=BATCH):
        if clock() - began > WORKING_TIME:
            break
        tried += 1
        if not _push(destination, delivery, clock):
            return tried, False
    return tried, tried > 0


def _push(destination: Destination, delivery: Delivery, clock: Callable[[], datetime]) -> bool:
    """Send one message and keep the answer; False if nobody is there."""
    try:
        body = _body(delivery, clock())
        _send(destination, delivery, body, clock())
    except Undeliverable as error:
        actions.give_up(delivery, f"{error}")
    except webhooks.NotTaken as error:
        actions.not_taken(delivery, f"{error}", clock())
    except webhooks.Unreachable as error:
        actions.unreachable(destination, delivery, f"{error}", clock())
        return False
    except InvalidToken:
        actions.unreachable(destination, delivery, "the secret that signs cannot be read", clock())
        return False
    except Exception as error:
        # Whatever a message raises, the row keeps it and comes back; others are not held up.
        logger.exception("The message %s failed", delivery.key)
        actions.not_taken(delivery, repr(error), clock())
    else:
        actions.taken(destination, delivery, clock())
    return True


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
