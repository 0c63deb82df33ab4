"""What goes wrong at this door, in the words and codes of the wire (sp-api 1.4)."""

from typing import Any

DENIED = "Access to requested resource is denied."
MISSING = "Access token is missing in the request header."
EXPIRED = "The access token you provided has expired."
REVOKED = "The access token you provided is revoked, malformed or invalid."
FOREIGN_MARKETPLACE = "The marketplaces you provided are not valid for region."


class Problem(Exception):
    """An operation that is not done: status, the wire's code, a message, and details that name what and where."""

    def __init__(self, status: int, code: str, message: str, details: str = "", **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.details = status, code, message, details
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> dict[str, Any]:
        """The error envelope."""
        return {"errors": [{"code": self.code, "message": self.message, "details": self.details}]}


def invalid(details: str) -> Problem:
    """A parameter or a body that cannot be taken."""
    return Problem(400, "InvalidInput", "Invalid Input", details)


def denied(details: str = "") -> Problem:
    """Whoever asks may not."""
    return Problem(403, "Unauthorized", DENIED, details)


def busy() -> Problem:
    """Somebody else holds what this needs; nothing was done (domain 14.7)."""
    return Problem(
        409, "ORDER_BUSY", "Another act is at work on this order. Send the request again.", Retry_After="3"
    )


def in_progress() -> Problem:
    """A request with the same idempotency key is still at work (reliability M8)."""
    return Problem(409, "IN_PROGRESS", "A request with this key is at work. Send it again.", Retry_After="3")


def unavailable() -> Problem:
    """The database is away; nothing was done."""
    return Problem(503, "ServiceUnavailable", "The service is not available. Send the request again later.")


def not_found(what: str) -> Problem:
    """Nothing of this id, or another shop's: nobody can tell which."""
    return Problem(404, "NotFound", "The requested resource was not found.", what)
