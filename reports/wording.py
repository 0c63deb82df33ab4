"""Words of the forms: what reports list, how they are written, how often they come."""

from .models import Encodings, Kinds, ReportSchedule

KINDS = Kinds.choices
ENCODINGS = Encodings.choices
# An interval is what software asks for: the page offers hours.
EVERY = [choice for choice in ReportSchedule.Every.choices if choice[0] != ReportSchedule.Every.INTERVAL]
