"""Log lines: JSON in production, each with the id of the request it belongs to."""

import contextvars
import json
import logging
import re
from datetime import UTC, datetime

# Set by the middleware for the time of one request.
current_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("current_request_id", default="")


class RequestIdFilter(logging.Filter):
    """Puts the current request's id on each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record and let it pass."""
        record.request_id = current_request_id.get()
        return True


# A link to a new password, whose last part is as good as a password for half an hour (reliability S-20).
_LINK = re.compile(r"(/login/password/)[^/\s]*\.[^/\s]*")


def _without_secrets(line: str) -> str:
    return _LINK.sub(r"\1…", line)


class PlainFormatter(logging.Formatter):
    """Lines for a terminal, without what would let somebody in."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        return _without_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One line of JSON per record, so that whatever a message holds cannot forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", ""):
            line["request_id"] = request_id
        if status := getattr(record, "status_code", None):
            line["status"] = status
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _without_secrets(json.dumps(line, ensure_ascii=False, default=str))
