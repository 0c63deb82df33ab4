"""Who plays in the demo, and how their acts look to the actions."""

from dataclasses import dataclass
from random import Random

from accounts.actors import Actor, Door, Role
from accounts.models import Seller, User


@dataclass(frozen=True, slots=True)
class Cast:
    """The two shops, their people, the two buyers who sign in, and the operator.

    `auto_cancel_days` is of the policy in force; `chance` makes the same shop every time.
    """

    seedling: Seller
    rival: Seller
    alice: User
    bob: User
    charlie: User
    dora: User
    eiji: User
    olga: User
    auto_cancel_days: int
    chance: Random


CHECKOUT = Actor(Role.SYSTEM, Door.COMMAND)
OTHER_SYSTEM = Actor(Role.SYSTEM, Door.IMPORT)


def selling(user: User) -> Actor:
    """Someone of a shop at a page."""
    return Actor(Role.SELLER, Door.PAGE, user.pk, user.name)


def buying(user: User) -> Actor:
    """A buyer at a page."""
    return Actor(Role.BUYER, Door.PAGE, user.pk, user.name)


def operating(user: User) -> Actor:
    """An operator in the admin."""
    return Actor(Role.MARKETPLACE, Door.ADMIN, user.pk, user.name)
