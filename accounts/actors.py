"""Actor: who is acting, through which door. The value behind every `by`."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Whose hand it is (domain 1)."""

    BUYER = "BUYER"
    SELLER = "SELLER"
    MARKETPLACE = "MARKETPLACE"
    SYSTEM = "SYSTEM"


class Door(StrEnum):
    """The way an act came in."""

    PAGE = "PAGE"
    ADMIN = "ADMIN"
    COMMAND = "COMMAND"
    IMPORT = "IMPORT"
    SWEEP = "SWEEP"
    PAYMENT = "PAYMENT"
    RULES = "RULES"
    FEED = "FEED"
    API = "API"


@dataclass(frozen=True, slots=True)
class Actor:
    """One acting party: its role, its door, and the person if there is one.

    `name` is frozen into the history, so that it reads the same after a person leaves.
    """

    role: Role
    door: Door
    user_id: int | None = None
    name: str = ""


SWEEP = Actor(Role.SYSTEM, Door.SWEEP)
PAYMENT = Actor(Role.SYSTEM, Door.PAYMENT)
# What a shop lets happen without its people.
SHOP_RULES = Actor(Role.SYSTEM, Door.RULES)
