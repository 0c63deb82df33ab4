"""What goes wrong at this door, in the words and codes of the wire (mws 4)."""


class Problem(Exception):
    """An action that is not done: status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message

    @property
    def kind(self) -> str:
        """Whose fault it is."""
        return "Receiver" if self.status >= 500 else "Sender"


def invalid(message: str) -> Problem:
    """A parameter that is missing, or cannot be taken."""
    return Problem(400, "InvalidParameterValue", message)


def denied(message: str) -> Problem:
    """The keys do not open this."""
    return Problem(401, "AccessDenied", message)
