"""Query parameters as clients of this wire send them: lists in both spellings, moments, numbers (sp-api 1.7, 1.8)."""

import re
from collections.abc import Collection
from datetime import UTC, datetime

from django.http import QueryDict

from .problems import invalid

_NUMBER = re.compile(r"[0-9]{1,9}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|z|[+-][0-9]{2}:?[0-9]{2})"
)


TEXT, LIST, MOMENT, NUMBER, TRUTH = "text", "list", "moment", "number", "truth"


class Query:
    """The query of a request; what nobody asks it for is ignored.

    `described` are the parameters that the operation's description names: asking for another is a mistake of ours.
    """

    def __init__(self, given: QueryDict, described: Collection[str] | None = None) -> None:
        self._given, self._described = given, described

    def _values(self, name: str) -> list[str]:
        if self._described is not None and name not in self._described:
            raise LookupError(f"{name} is no parameter of this operation's description")
        return self._given.getlist(name)

    def has(self, *names: str) -> list[str]:
        """Those of these parameters that were sent with a value."""
        return [name for name in names if any(self._values(name))]

    def text(self, name: str, *, longest: int = 4000) -> str:
        """One value, empty if it was not sent. Raises Problem 400 for several that differ, or one too long."""
        values = set(self._values(name))
        if len(values) > 1:
            raise invalid(f"{name}: sent more than once.")
        value = values.pop() if values else ""
        if len(value) > longest or "\x00" in value:
            raise invalid(f"{name}: cannot be read.")
        return value

    def texts(self, name: str, *, known: Collection[str] = (), most: int = 0) -> list[str]:
        """A list: repeated parameters and commas mean the same. Raises Problem 400 for unknown or too many values."""
        parts = [part.strip() for value in self._values(name) for part in value.split(",")]
        values = list(dict.fromkeys(part for part in parts if part))
        if any("\x00" in value for value in values):
            raise invalid(f"{name}: cannot be read.")
        for value in values:
            if known and value not in known:
                raise invalid(f"{name}: {value[:60]!r} is not one of {', '.join(known)}.")
        if most and len(values) > most:
            raise invalid(f"{name}: at most {most} values.")
        return values

    def moment(self, name: str) -> datetime | None:
        """A moment with its offset in UTC, None if it was not sent. Raises Problem 400."""
        value = self.text(name)
        if not value:
            return None
        # A plus sign that a client did not encode arrives as a space.
        return moment_of(name, re.sub(r" (?=[0-9]{2}:?[0-9]{2}$)", "+", value))

    def number(self, name: str, *, least: int, most: int, default: int) -> int:
        """A whole number within limits. Raises Problem 400."""
        value = self.text(name)
        if not value:
            return default
        if not _NUMBER.fullmatch(value) or not least <= int(value) <= most:
            raise invalid(f"{name}: a whole number from {least} to {most}.")
        return int(value)

    def truth(self, name: str) -> bool | None:
        """A truth value in any case, None if it was not sent. Raises Problem 400."""
        value = self.text(name).casefold()
        if value not in {"", "true", "false"}:
            raise invalid(f"{name}: true or false.")
        return {"true": True, "false": False}.get(value)


def key_of(written: str) -> int:
    """The number of a row that we gave out; 0, which is nobody's, for anything else."""
    return int(written) if written.isascii() and written.isdigit() and len(written) < 18 else 0


def moment_of(name: str, value: str) -> datetime:
    """A moment of ISO 8601 with its offset, in UTC. Raises Problem 400."""
    try:
        if _MOMENT.fullmatch(value):
            found = datetime.fromisoformat(value.upper().replace(",", ".")).astimezone(UTC)
            # Far enough from both ends of the calendar for every sum that is done with it.
            if 1970 <= found.year < 3000:
                return found
    except (ValueError, OverflowError):
        pass  # the thirtieth of February has the right form, too
    raise invalid(f"{name}: a date-time of ISO 8601 with its offset, such as 2026-07-01T00:00:00Z.")
