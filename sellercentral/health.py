"""Whether the portal is alive, able to serve, and keeping up. For load balancers and operators.

Ages of rows are reported, not only counts: ten waiting mails are fine, one that has waited for an hour is not.
"""

from datetime import datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import sign_in_first

# Deadlines are the heart of the portal: a clock further off than this must not serve.
LARGEST_SKEW_SECONDS = 60
# After this many missed periods a sweep counts as standing still.
MISSED_PERIODS = 3


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Answer that the process runs. Asks nothing else, so that trouble elsewhere restarts nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Answer whether pages can be served: database reached, migrations applied, clock right."""
    try:
        skew = abs((_database_clock() - timezone.now()).total_seconds())
        waiting = _migrations_waiting()
    except Error:
        return JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503)
    problems = {}
    if waiting:
        problems["migrations"] = "waiting"
    if skew > LARGEST_SKEW_SECONDS:
        problems["clock"] = "off"
    if problems:
        return JsonResponse({"status": "unavailable", **problems}, status=503)
    return JsonResponse({"status": "ok", "database": "ok", "migrations": "ok", "clock": "ok"})


@require_safe
@never_cache
def status(request: HttpRequest) -> HttpResponse:
    """Tell operators how old the oldest undelivered row and the last sweep are, in seconds."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    if not request.user.is_staff:
        raise PermissionDenied
    from cancellations.queries import last_sweep
    from events.queries import RETRIED_FOR, oldest_due, oldest_retried

    now = timezone.now()
    delivery_age = _age(oldest_due(now), now)
    retried_age = _age(oldest_retried(), now)
    sweep = last_sweep()
    sweep_age = _age(sweep.started_at if sweep else None, now)
    late = []
    if (delivery_age or 0) > MISSED_PERIODS * settings.DELIVER_SECONDS:
        late.append("deliveries")
    if (retried_age or 0) > RETRIED_FOR.total_seconds():
        late.append("retries")
    if sweep_age is None or sweep_age > MISSED_PERIODS * settings.SWEEP_SECONDS:
        late.append("sweep")
    return JsonResponse(
        {
            "status": "late" if late else "ok",
            "late": late,
            "oldest_due_delivery_seconds": delivery_age,
            "oldest_retried_delivery_seconds": retried_age,
            "last_sweep_seconds": sweep_age,
            "clock_skew_seconds": round(abs((_database_clock() - now).total_seconds()), 3),
        }
    )


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round((now - moment).total_seconds(), 1)


def _database_clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


# Migrations only ever get applied while a process lives, so the answer "none waiting" stays true.
_all_applied = False


def _migrations_waiting() -> bool:
    global _all_applied
    if not _all_applied:
        executor = MigrationExecutor(connection)
        _all_applied = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return not _all_applied
