"""An act that a page sends: done once per key, and refused with one kind of answer (reliability M8)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from accounts.access import PersonRequest, owner_of
from cancellations.policy import Refusal
from events.forms import ActForm
from events.idempotency import IdempotencyMismatch, once
from events.queries import stored_answer
from orders.outcomes import Outcome, Refused, Result


def done_once(
    request: PersonRequest, form: ActForm, about: Sequence[object], act: Callable[[], dict], *, now: datetime
) -> dict:
    """Run the act of a valid form once per person and key; sent again, it gets the first answer.

    `about` names the act and what it is done to: the same key must come with the same content.

    Raises Refused with the act's own code, or with IDEMPOTENCY_MISMATCH if the key came with other content.
    """
    key, content = form.cleaned_data["key"], _content(request, about)
    try:
        return once(owner=owner_of(request), key=key, content=content, now=now, act=act)
    except IdempotencyMismatch as mismatch:
        raise Refused(Outcome(0, Result.ERROR, Refusal.IDEMPOTENCY_MISMATCH)) from mismatch


def answered_before(request: PersonRequest, about: Sequence[object]) -> dict | None:
    """What this form was answered if the very same was sent before: its page may have nothing left to show by now.

    The same key with other content was never answered: whoever goes on with it is refused by `done_once`.
    """
    if request.method != "POST":
        return None
    return stored_answer(
        owner=owner_of(request), key=request.POST.get("key", ""), content=_content(request, about)
    )


def _content(request: PersonRequest, about: Sequence[object]) -> list[object]:
    """What was sent, as it was sent: what the form makes of it depends on how the order stands by now."""
    sent = {name: given for name, given in request.POST.lists() if name not in {"key", "csrfmiddlewaretoken"}}
    return [*about, sent]
