"""What each operator's role may do: one table for pages, buttons and the server's answer (domain 16)."""

from enum import StrEnum


class Duty(StrEnum):
    """One kind of act that an operator's role may hold."""

    HOLD = "HOLD"
    VERIFY = "VERIFY"
    SHIP_BY = "SHIP_BY"
    SUPPORT_CANCEL = "SUPPORT_CANCEL"
    RISK_CANCEL = "RISK_CANCEL"
    OTHER_CANCEL = "OTHER_CANCEL"
    RETRY = "RETRY"
    IMPORT = "IMPORT"
    POLICY = "POLICY"
    PEOPLE = "PEOPLE"
    READ_ADDRESSES = "READ_ADDRESSES"
    DISPUTES = "DISPUTES"
    DEVELOPERS = "DEVELOPERS"


DUTIES: dict[str, frozenset[Duty]] = {
    "SUPPORT": frozenset(
        {
            Duty.HOLD,
            Duty.VERIFY,
            Duty.SHIP_BY,
            Duty.SUPPORT_CANCEL,
            Duty.RETRY,
            Duty.IMPORT,
            Duty.READ_ADDRESSES,
            Duty.DISPUTES,
            Duty.DEVELOPERS,
        }
    ),
    "RISK": frozenset({Duty.HOLD, Duty.VERIFY, Duty.RISK_CANCEL, Duty.READ_ADDRESSES, Duty.DEVELOPERS}),
    "POLICY": frozenset({Duty.POLICY}),
    "ADMIN": frozenset(Duty),
}


def may(role: str, duty: Duty) -> bool:
    """Whether an operator of this role may do this; nobody else may do anything."""
    return duty in DUTIES.get(role, frozenset())
