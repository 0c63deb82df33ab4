"""M-21 and M-22; and the listener that names a shop whose rate may have changed."""

from datetime import datetime
from functools import partial

from django.urls import reverse

from accounts.queries import seller_by_id
from events.models import Delivery
from orders.mails import Notice, send
from orders.queries import zone

from .actions import look_again as name_shop
from .dispute_queries import whole_disputes
from .lists import LISTED, counting_rows
from .queries import rate_at
from .rate import State, leaves_window_at
from .wording import short, state_words, why


def look_again(delivery: Delivery, *, now: datetime) -> None:
    """Have the shop's rate looked at: a cancellation counted."""
    if order := delivery.event.order:
        name_shop(seller_id=order.seller_id)


def mail_worsening(delivery: Delivery, *, now: datetime) -> None:
    """M-21 to one person of the shop: the state got worse (domain 9.4). It says how the rate stood then."""
    shop = seller_by_id(int(delivery.event.subject.removeprefix("seller:")))
    state = State(delivery.event.payload["state"])
    standing = rate_at(shop.pk, delivery.event.happened_at)
    rows = counting_rows(shop.pk, standing.window)
    listed = list(rows[:LISTED])
    send(
        Notice(
            "m21",
            shop.pk,
            shop.name,
            path=reverse("seller:rate"),
            more={
                "state_words": lambda: state_words(state),
                "is_watch": state == State.WATCH,
                "standing": standing,
                "limit": short(standing.target.limit),
                "rows": [{"cancellation": each, "why": partial(why, each)} for each in listed],
                "leaves_at": leaves_window_at(
                    listed[0].cancelled_at, days=standing.target.window_days, zone=zone()
                )
                if listed
                else None,
            },
        ),
        delivery,
        now=now,
    )


def mail_decision(delivery: Delivery, *, now: datetime) -> None:
    """M-22 to one person of the shop: what became of a dispute or a correction (domain 9.6)."""
    dispute = whole_disputes().get(pk=delivery.event.payload["dispute"])
    standing = rate_at(dispute.seller_id, now)
    send(
        Notice(
            "m22",
            dispute.seller_id,
            dispute.seller.name,
            path=reverse("seller:dispute", args=[dispute.pk]),
            order=dispute.cancellation.order,
            more={"dispute": dispute, "standing": standing, "state_words": lambda: state_words(standing.state)},
        ),
        delivery,
        now=now,
    )
