"""Words of the forms, and of what browsers are told: what reports list, how they are written, how often they come."""

from .models import Encodings, Kinds, Report, ReportSchedule
from .rules import SCHEDULED_ONLY, Encoding

# What only software has ordered is not offered on the page.
KINDS = [choice for choice in Kinds.choices if choice[0] not in SCHEDULED_ONLY]
ENCODINGS = Encodings.choices
# An interval is what software asks for: the page offers hours.
EVERY = [choice for choice in ReportSchedule.Every.choices if choice[0] != ReportSchedule.Every.INTERVAL]


def content_type_of(report: Report) -> str:
    """How a report's file is announced, with the name of its encoding that readers in Japan know (flat-files 1)."""
    if report.is_xml:
        return "text/xml;charset=UTF-8"
    return "text/plain;charset=" + ("Windows-31J" if report.encoding == Encoding.CP932 else "UTF-8")
