"""The words of the policy: refusals, reasons and states, each a closed list of codes. Standard library only."""

from enum import StrEnum


class Refusal(StrEnum):
    """Why an act was not done; the same code in every door (domain 14.7)."""

    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    ITEM_NOT_FOUND = "ITEM_NOT_FOUND"
    REQUEST_NOT_FOUND = "REQUEST_NOT_FOUND"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    ORDER_NOT_CANCELABLE = "ORDER_NOT_CANCELABLE"
    ORDER_NOT_SHIPPABLE = "ORDER_NOT_SHIPPABLE"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    REQUEST_ALREADY_OPEN = "REQUEST_ALREADY_OPEN"
    REQUEST_NOT_OPEN = "REQUEST_NOT_OPEN"
    REQUEST_LIMIT_REACHED = "REQUEST_LIMIT_REACHED"
    REQUEST_TOO_EARLY = "REQUEST_TOO_EARLY"
    DECLINE_NOT_ALLOWED = "DECLINE_NOT_ALLOWED"
    DIRECT_WINDOW_ELAPSED = "DIRECT_WINDOW_ELAPSED"
    ORDER_ON_HOLD = "ORDER_ON_HOLD"
    OPEN_CANCELLATION_REQUEST = "OPEN_CANCELLATION_REQUEST"
    ORDER_BUSY = "ORDER_BUSY"
    SHIP_BY_PAST = "SHIP_BY_PAST"
    SHIP_BY_FAR = "SHIP_BY_FAR"
    ORDER_NOT_CHARGED = "ORDER_NOT_CHARGED"
    AMOUNT_FORMAT = "AMOUNT_FORMAT"
    REFUND_EXCEEDS_CHARGE = "REFUND_EXCEEDS_CHARGE"
    REASON_REQUIRED = "REASON_REQUIRED"
    REASON_UNKNOWN = "REASON_UNKNOWN"
    QUANTITY_EXCEEDS_OPEN = "QUANTITY_EXCEEDS_OPEN"
    ITEM_NOT_BUYER_CANCELABLE = "ITEM_NOT_BUYER_CANCELABLE"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"


class Reason(StrEnum):
    """Why units were cancelled."""

    BUYER_CANCELED = "BUYER_CANCELED"
    NO_INVENTORY = "NO_INVENTORY"
    ADDRESS_UNDELIVERABLE = "ADDRESS_UNDELIVERABLE"
    BUYER_NOT_REPLYING = "BUYER_NOT_REPLYING"
    PRICING_ERROR = "PRICING_ERROR"
    CUSTOMER_EXCHANGE = "CUSTOMER_EXCHANGE"
    OTHER = "OTHER"
    BUYER_DIRECT = "BUYER_DIRECT"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    FRAUD = "FRAUD"
    SUPPORT_FOR_BUYER = "SUPPORT_FOR_BUYER"
    MARKETPLACE_OTHER = "MARKETPLACE_OTHER"
    AUTO_NOT_CONFIRMED = "AUTO_NOT_CONFIRMED"
    IMPORTED = "IMPORTED"


# The seller's drop-down, in its order (domain 7.3).
SELLER_REASONS = (
    Reason.BUYER_CANCELED,
    Reason.NO_INVENTORY,
    Reason.ADDRESS_UNDELIVERABLE,
    Reason.BUYER_NOT_REPLYING,
    Reason.PRICING_ERROR,
    Reason.CUSTOMER_EXCHANGE,
    Reason.OTHER,
)
# What an operator may give; any seller's reason besides, when support cancels for the seller (domain 5.3).
MARKETPLACE_REASONS = (
    Reason.PAYMENT_FAILED,
    Reason.FRAUD,
    Reason.SUPPORT_FOR_BUYER,
    Reason.MARKETPLACE_OTHER,
)
# Units cancelled for these reasons do not go back on sale unless somebody says so (domain 7.3, D-12, D-27).
NOT_RESTOCKED = frozenset({Reason.NO_INVENTORY, Reason.AUTO_NOT_CONFIRMED, Reason.IMPORTED})


class DeclineReason(StrEnum):
    """Why a seller does not follow a request (domain 7.5)."""

    ALREADY_SHIPPED = "ALREADY_SHIPPED"
    IN_PRODUCTION = "IN_PRODUCTION"
    LABEL_HANDED_OVER = "LABEL_HANDED_OVER"
    OTHER = "OTHER"


class RequestStatus(StrEnum):
    """Life of an official request (domain 8)."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    PARTLY_APPROVED = "PARTLY_APPROVED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    CLOSED = "CLOSED"


class CloseReason(StrEnum):
    """What ended a request that nobody decided (domain 8)."""

    SHIPPED = "SHIPPED"
    CANCELED_OTHER_REASON = "CANCELED_OTHER_REASON"
    AUTO_CANCELED = "AUTO_CANCELED"
    MARKETPLACE_CANCELED = "MARKETPLACE_CANCELED"


class OpenRequestCounts(StrEnum):
    """Whether an automatic cancellation counts although the buyer had asked (D-18)."""

    ALWAYS = "always"
    ONLY_IF_REQUESTED_AFTER_SHIP_BY = "only_if_requested_after_ship_by"
    NEVER = "never"


class OnResponseOverdue(StrEnum):
    """What happens to a request that is not answered in time (domain 8)."""

    NOTHING = "nothing"
    AUTO_APPROVE = "auto_approve"


class Interlock(StrEnum):
    """What a shipment confirmation does when a request is open (domain 7.6, D-14)."""

    ASK = "ask"
    WARN = "warn"
    BLOCK = "block"
