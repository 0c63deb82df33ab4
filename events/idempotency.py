"""Run a keyed act once, however often it is asked for (reliability M8)."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction

from .busy import is_busy
from .models import IdempotencyKey
from .queries import hash_of_content


class IdempotencyMismatch(Exception):
    """The same key came with other content."""


class KeyInProgress(OperationalError):
    """The same key's act is at work, and was for longer than anybody waits; doors that know no better say busy."""


# Writes the key, or waits for whoever wrote it first and reads what came of it, under its lock either way.
_TAKE_KEY = """
INSERT INTO events_idempotencykey (owner, key, content_hash, state, locked_at) VALUES (%s, %s, %s, 'STARTED', %s)
ON CONFLICT (owner, key) DO UPDATE SET owner = excluded.owner RETURNING id, content_hash, answer::text
"""


def once(*, owner: str, key: str, content: Sequence[object], now: datetime, act: Callable[[], dict]) -> dict:
    """Run `act` once per owner and key; later calls get the stored answer (reliability M8).

    The key's row and the act share one transaction: a second click waits for the first and then reads its
    answer; an act that raises leaves no trace, so it may be sent again.

    Raises IdempotencyMismatch if the key was used for other content, KeyInProgress if its act takes too long.
    """
    content_hash = hash_of_content(content)
    with transaction.atomic():
        row_id, known_hash, known_answer = _take_key(owner, key, content_hash, now)
        if known_hash != content_hash:
            raise IdempotencyMismatch(key)
        if known_answer is not None:
            return json.loads(known_answer)
        answer = act()
        IdempotencyKey.objects.filter(pk=row_id).update(state=IdempotencyKey.State.DONE, answer=answer)
    return answer


def _take_key(owner: str, key: str, content_hash: str, now: datetime) -> tuple[int, str, str | None]:
    """The key's row, made or waited for: its own key, the content's hash, and the answer if there is one."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_KEY, [owner, key, content_hash, now])
            return cursor.fetchone()
    except OperationalError as error:
        if is_busy(error):
            raise KeyInProgress(key) from error.__cause__
        raise


def forget_old_keys(*, now: datetime) -> int:
    """Delete idempotency keys older than 24 hours; return how many."""
    deleted, _ = IdempotencyKey.objects.filter(locked_at__lt=now - timedelta(hours=24)).delete()
    return deleted
