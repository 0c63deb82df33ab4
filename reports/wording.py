"""Words of the forms, and of what browsers are told: what reports list, how they are written, how often they come."""

from .models import Encodings, Kinds, Report, ReportSchedule
from .rules import SCHEDULED_ONLY, Encoding

# What only software has ordered is not offered on the page.
KINDS = [choice for choice in Kinds.choices if choice[0] not in SCHEDULED_ONLY]
ENCODINGS = Encodings.choices
# An interval is what software asks for: the page offers hours.
EVERY = [choice for choice in ReportSchedule.Every.choices if choice[0] != ReportSchedule.Every.INTERVAL]


def content_type_of(report: Report, *, cp932: str = "Windows-31J") -> str:
    """How a report's file is announced; `cp932` is what its readers call the encoding of Japan (flat-files 1)."""
    if report.is_xml:
        return "text/xml;charset=UTF-8"
    return f"text/plain;charset={cp932 if report.encoding == Encoding.CP932 else 'UTF-8'}"
