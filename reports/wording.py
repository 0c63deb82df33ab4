"""Words of the forms: what reports list, how they are written, how often they come."""

from .models import Encodings, Kinds, ReportSchedule

KINDS = Kinds.choices
ENCODINGS = Encodings.choices
EVERY = ReportSchedule.Every.choices
