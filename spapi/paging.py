"""Where a list goes on: a token that only we can make, good for one list of one shop for a day (sp-api 1.6)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from django.core import signing

from .problems import Problem

GOOD_FOR = timedelta(hours=24)


class UnusableToken(Problem):
    """A token that no list goes on with."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(400, "InvalidInput", "Invalid Input", f"{name}: {why}")


def next_token(kind: str, seller_id: int, state: dict[str, Any], *, now: datetime) -> str:
    """A token for the next page of a list."""
    kept = {"kind": kind, "seller": seller_id, "at": now.timestamp(), **state}
    return signing.Signer(salt="spapi.paging").sign_object(kept, compress=True)


class Keyed(Protocol):
    """A row with its key."""

    @property
    def pk(self) -> int: ...


Row = TypeVar("Row", bound=Keyed)


def page_down(
    fetch: Callable[[int], list[Row]], kind: str, seller_id: int, kept: dict[str, Any], *, now: datetime
) -> tuple[list[Row], str]:
    """A page of a list that goes down by its key, and the token of the next one, empty if there is none.

    `fetch` takes how many rows; `kept` is what the list was asked for: its `limit`, and whatever `fetch` looks at,
    `behind` among it.
    """
    limit = kept["limit"]
    found = fetch(limit + 1)
    if len(found) <= limit:
        return found, ""
    return found[:limit], next_token(kind, seller_id, kept | {"behind": found[limit - 1].pk}, now=now)


def state_of(token: str, kind: str, seller_id: int, *, now: datetime, name: str = "NextToken") -> dict[str, Any]:
    """What a token was made with; `name` is the parameter that it came in.

    Raises UnusableToken unless it is of this list and this shop, and not a day old.
    """
    try:
        kept = signing.Signer(salt="spapi.paging").unsign_object(token)
    except (signing.BadSignature, ValueError):
        kept = {}
    if kept.get("kind") != kind or kept.get("seller") != seller_id:
        raise UnusableToken(name, "not a token of this list.")
    if now.timestamp() - kept["at"] > GOOD_FOR.total_seconds():
        raise UnusableToken(name, "it is older than 24 hours; begin anew.")
    return kept
