"""Reads of reports, scoped to their shop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from .layouts import OPTIONAL
from .models import Report, ReportColumns, ReportDocument, ReportSchedule

UNFINISHED = (Report.State.IN_QUEUE, Report.State.IN_PROGRESS)


def reports_of_seller(seller_id: int, *, limit: int) -> list[Report]:
    """The shop's latest reports (index `reports_of_seller`)."""
    found = Report.objects.filter(seller_id=seller_id).select_related("document", "ordered_by", "schedule")
    return list(found.order_by("-pk")[:limit])


def report_of_seller(seller_id: int, report_id: int) -> Report | None:
    """One report of the shop; None for unknown and for another shop's."""
    return Report.objects.filter(seller_id=seller_id, pk=report_id).select_related("document").first()


@dataclass(frozen=True, slots=True)
class Listed:
    """Which reports software asks for; empty filters let everything pass.

    `since` and `until` are about when a report was ordered, or `by_end` when it was finished.
    """

    since: datetime
    until: datetime
    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    behind: int = 0
    keys: Sequence[int] = ()
    by_end: bool = False
    acknowledged: bool | None = None


def reports_for_software(seller_id: int, asked: Listed, *, limit: int) -> list[Report]:
    """The shop's reports that software asks for, the latest first, behind a key (index `reports_of_seller`)."""
    moment = "finished_at" if asked.by_end else "ordered_at"
    period = {f"{moment}__gte": asked.since, f"{moment}__lte": asked.until}
    found = Report.objects.filter(seller_id=seller_id, **period).select_related("document")
    if asked.keys:
        found = found.filter(pk__in=asked.keys)
    if asked.kinds:
        found = found.filter(kind__in=asked.kinds)
    if asked.states:
        found = found.filter(state__in=asked.states)
    if asked.acknowledged is not None:
        found = found.filter(acknowledged_at__isnull=not asked.acknowledged)
    if asked.behind:
        found = found.filter(pk__lt=asked.behind)
    return list(found.order_by("-pk")[:limit])


def report_by_key(document_id: int, key: str) -> Report | None:
    """The report of a file, for whoever was given an address with the part of its name that nobody can guess."""
    found = Report.objects.filter(document_id=document_id, document__name__endswith=f"/{key}")
    return found.filter(document__forgotten_at__isnull=True).select_related("document").first()


def report_of_document(seller_id: int, document_id: int, key: str) -> Report | None:
    """The same, if it is the shop's."""
    report = report_by_key(document_id, key)
    return report if report is not None and report.seller_id == seller_id else None


def report_by_id(report_id: int) -> Report:
    """One report, for whoever makes it."""
    return Report.objects.get(pk=report_id)


def report_of_event(subject: str) -> Report | None:
    """The report that an event is about; None once its row is gone."""
    found = Report.objects.filter(pk=int(subject.removeprefix("report:")))
    return found.select_related("document", "seller").first()


def unfinished_reports() -> list[int]:
    """Reports that nobody has made yet (index `reports_to_make`)."""
    return list(Report.objects.filter(state__in=UNFINISHED).order_by("pk").values_list("pk", flat=True))


def columns_of(seller_id: int) -> Mapping[str, bool]:
    """Which optional columns a shop has added, by their switch."""
    row = ReportColumns.objects.filter(seller_id=seller_id).values(*OPTIONAL).first()
    return row or dict.fromkeys(OPTIONAL, False)


def schedules_of(seller_id: int) -> list[ReportSchedule]:
    """The timetables of a shop, the next one due first."""
    return list(ReportSchedule.objects.filter(seller_id=seller_id).order_by("next_at", "pk"))


def schedule_of_seller(seller_id: int, schedule_id: int) -> ReportSchedule | None:
    """One timetable of the shop; None for unknown and for another shop's."""
    return ReportSchedule.objects.filter(seller_id=seller_id, pk=schedule_id).first()


def lock_due_schedules(now: datetime, *, limit: int) -> list[ReportSchedule]:
    """Lock timetables that are due and that no other worker has."""
    due = ReportSchedule.objects.select_for_update(skip_locked=True).filter(next_at__lte=now)
    return list(due.order_by("next_at", "pk")[:limit])


def forgettable(before: datetime, *, limit: int) -> QuerySet[ReportDocument]:
    """Files older than a moment that are still in the store."""
    old = ReportDocument.objects.filter(created_at__lt=before, forgotten_at__isnull=True)
    return old.order_by("created_at")[:limit]


def names_in_store(names: Sequence[str]) -> set[str]:
    """Those of these names that a row says are in the store."""
    found = ReportDocument.objects.filter(name__in=names, forgotten_at__isnull=True)
    return set(found.values_list("name", flat=True))
