"""The operators' desk: Django's admin under the portal's rules, and what waits for an operator."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.admin import AdminSite
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

METHODS = ("GET", "HEAD", "POST")
# Nobody counts further than this: what waits is counted at the same cost however much it is.
COUNTED_TO = 1000
NONE = "0"
IMPORTS_OF = timedelta(days=7)
# After this many missed periods, deliveries count as standing still.
MISSED_PERIODS = 3


class OperatorSite(AdminSite):
    """The admin: no other method than a page and its form need; its first page shows what waits."""

    site_header = site_title = _("オペレーター画面")
    index_title = _("管理")
    index_template = "admin/desk.html"
    enable_nav_sidebar = False

    def admin_view(self, view, cacheable=False):
        """Refuse what is neither looking nor sending a form; Django would answer it as looking.

        Whoever's session ended is told so at the sign-in, as on the other pages.
        """
        guarded = super().admin_view(view, cacheable)

        def only_methods(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if request.method not in METHODS:
                return HttpResponseNotAllowed(METHODS)
            if not request.user.is_authenticated:
                from accounts.access import sign_in_first

                return sign_in_first(request)
            request.GET = _as_stored(request.GET)  # type: ignore[assignment]
            return guarded(request, *args, **kwargs)

        return only_methods

    def autocomplete_view(self, request):
        """No form of ours asks for it, and Django's counts."""
        raise Http404

    def password_change(self, request, extra_context=None):
        """The operator's own password."""
        from accounts.admin.people import OwnPasswordView

        context = {**self.each_context(request), **(extra_context or {})}
        request.current_app = self.name
        return OwnPasswordView.as_view(extra_context=context)(request)

    def index(self, request, extra_context=None):
        """What waits for an operator, before the list of everything; nothing for staff without a role."""
        waiting = what_waits(now=timezone.now()) if request.user.operator_role else []
        return super().index(request, {**(extra_context or {}), "waiting": waiting})


def _as_stored(asked: QueryDict) -> QueryDict:
    """What an address asks for, as rows hold it: without the one sign no row holds, an order's number with hyphens,
    an e-mail address in plain letters; names as they were typed.
    """
    from orders.rules import order_number

    kept = asked.copy()
    for name, values in asked.lists():
        kept.setlist(name, [str(value).replace("\0", "") for value in values])
    if "q" in kept:
        term = str(kept["q"]).strip()
        plain = unicodedata.normalize("NFKC", term)
        kept["q"] = order_number(term) or (plain if "@" in plain else term)
    return kept


@dataclass(frozen=True, slots=True)
class Card:
    """One thing on the desk: its name, how it stands, where it leads, and whether somebody must look now."""

    title: str | Promise
    figure: str
    detail: str
    address: str
    is_late: bool = False


def what_waits(*, now: datetime) -> list[Card]:
    """The cards of the desk; each costs the same however much waits."""
    return [
        _requests(now),
        _overdue_requests(now),
        _failed(),
        _due(now),
        _retried(now),
        _sweep(now),
        _unknown(),
        _imports(now),
        _unplaced(now),
        _disputes(now),
        _applications(now),
        _at_risk(),
    ]


def _requests(now: datetime) -> Card:
    from cancellations.queries import open_requests

    waiting = open_requests()
    oldest = waiting.values_list("requested_at", flat=True).first()
    detail = gettext("最も古いもの：%(age)s前") % {"age": timesince(oldest, now, depth=1)} if oldest else ""
    return Card(
        _("未対応のキャンセルリクエスト"),
        _counted(waiting),
        detail,
        reverse("admin:cancellations_cancellationrequest_changelist"),
    )


def _overdue_requests(now: datetime) -> Card:
    from cancellations.queries import open_requests

    late = _counted(open_requests().filter(response_due_at__lte=now))
    address = reverse("admin:cancellations_cancellationrequest_changelist")
    return Card(_("回答期限を過ぎたリクエスト"), late, "", f"{address}?waiting=overdue", late != NONE)


def _failed() -> Card:
    from events.queries import failed_deliveries

    failed = _counted(failed_deliveries())
    address = f"{reverse('admin:events_delivery_changelist')}?state=FAILED"
    return Card(_("失敗した配信"), failed, "", address, failed != NONE)


def _due(now: datetime) -> Card:
    from events.queries import oldest_due

    oldest = oldest_due(now)
    is_late = oldest is not None and now - oldest > timedelta(seconds=MISSED_PERIODS * settings.DELIVER_SECONDS)
    figure = timesince(oldest, now, depth=1) if oldest else gettext("なし")
    detail = gettext("通知の送信が遅れています。") if is_late else ""
    address = f"{reverse('admin:events_delivery_changelist')}?state=PENDING"
    return Card(_("送信待ちの配信（最も古いもの）"), figure, detail, address, is_late)


def _retried(now: datetime) -> Card:
    from events.queries import RETRIED_FOR, oldest_retried, retried_deliveries

    oldest = oldest_retried()
    detail = (
        gettext("最も古いもの：%(age)s前の出来事") % {"age": timesince(oldest, now, depth=1)} if oldest else ""
    )
    is_late = oldest is not None and now - oldest > RETRIED_FOR
    address = f"{reverse('admin:events_delivery_changelist')}?state=RETRIED"
    return Card(_("再送を繰り返している配信"), _counted(retried_deliveries()), detail, address, is_late)


def _sweep(now: datetime) -> Card:
    from cancellations.queries import sweep_health

    health = sweep_health(now=now)
    figure = date_format(timezone.localtime(health.last.started_at), "H:i") if health.last else gettext("未実行")
    details = []
    if health.last:
        done = health.last.cancelled
        text = ngettext("%(count)d件をキャンセルしました。", "%(count)d件をキャンセルしました。", done)
        details.append(text % {"count": done})
    if health.is_alarming:
        details.append(gettext("30分以上実行されていないか、中止されました。"))
    address = reverse("admin:cancellations_sweeprun_changelist")
    return Card(_("自動キャンセルの最終実行"), figure, " ".join(details), address, health.is_alarming)


def _unknown() -> Card:
    from orders.queries import orders_without_ship_by

    address = f"{reverse('admin:orders_order_changelist')}?ship_by=unknown"
    return Card(_("出荷予定日が未定の注文"), _counted(orders_without_ship_by()), "", address)


def _imports(now: datetime) -> Card:
    from orders.queries import refused_imports

    address = f"{reverse('admin:orders_import_changelist')}?refused=yes"
    return Card(
        _("エラーのある取り込み"),
        _counted(refused_imports(since=now - IMPORTS_OF)),
        gettext("直近7日間"),
        address,
    )


def _unplaced(now: datetime) -> Card:
    from payments.incoming import TRIED_FOR
    from payments.queries import notices_unplaced

    unplaced = _counted(notices_unplaced(now - TRIED_FOR))
    address = f"{reverse('admin:payments_providernotice_changelist')}?unplaced=yes"
    return Card(_("照合できない決済会社からの通知"), unplaced, "", address, unplaced != NONE)


def _disputes(now: datetime) -> Card:
    from metrics.dispute_queries import open_disputes

    waiting = open_disputes()
    oldest = waiting.values_list("opened_at", flat=True).first()
    detail = gettext("最も古いもの：%(age)s前") % {"age": timesince(oldest, now, depth=1)} if oldest else ""
    address = reverse("admin:metrics_dispute_changelist")
    return Card(_("審査中の申し立て"), _counted(waiting), detail, address)


def _applications(now: datetime) -> Card:
    from accounts.queries import applications_to_decide

    waiting = applications_to_decide()
    oldest = waiting.values_list("registered_at", flat=True).first()
    detail = gettext("最も古いもの：%(age)s前") % {"age": timesince(oldest, now, depth=1)} if oldest else ""
    address = f"{reverse('admin:accounts_application_changelist')}?state=pending"
    return Card(_("承認を待つ開発者の登録"), _counted(waiting), detail, address)


def _at_risk() -> Card:
    from metrics.queries import shops_at_risk

    at_risk = _counted(shops_at_risk())
    address = f"{reverse('admin:metrics_ratestate_changelist')}?state__exact=AT_RISK"
    return Card(_("キャンセル率が目標を超えている出品者"), at_risk, "", address, at_risk != NONE)


def _counted(rows: QuerySet) -> str:
    """How many, as far as anybody counts."""
    count = rows[: COUNTED_TO + 1].count()
    return f"{COUNTED_TO:,}+" if count > COUNTED_TO else f"{count:,}"
