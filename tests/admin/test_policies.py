"""A new version of the policy in the admin: what its form begins with, and what the audit log keeps of it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from cancellations.models import PolicyVersion
from events.models import AuditEntry


def test_a_new_policy_begins_with_the_values_in_force_and_the_audit_log_keeps_all_of_them(db, admin):
    PolicyVersion.objects.create(
        number=2,
        starts_at=timezone.now() - timedelta(days=1),
        direct_cancel_minutes=30,
        direct_cancel_while_pending=False,
        auto_cancel_days=9,
        first_warning_days=2,
        second_warning_days=4,
        last_warning_days=6,
        request_response_hours=24,
        on_response_overdue="auto_approve",
        seller_may_decline=False,
        max_requests_per_order=2,
        auto_cancel_with_open_request_counts="never",
        ship_interlock_api="block",
        developer_approval=True,
        rate_target="3.00",
        rate_watch="1.50",
        rate_window_days=14,
        rate_min_orders=20,
    )
    address = reverse("admin:cancellations_policyversion_add")
    form = admin.get(address).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields if name not in {"starts_at", "reason"}}
    assert shown == {
        "direct_cancel_minutes": 30,
        "direct_cancel_while_pending": False,
        "auto_cancel_days": 9,
        "first_warning_days": 2,
        "second_warning_days": 4,
        "last_warning_days": 6,
        "request_response_hours": 24,
        "on_response_overdue": "auto_approve",
        "seller_may_decline": False,
        "max_requests_per_order": 2,
        "auto_cancel_with_open_request_counts": "never",
        "ship_interlock_api": "block",
        "developer_approval": True,
        "rate_target": "3.00",
        "rate_watch": "1.50",
        "rate_window_days": 14,
        "rate_min_orders": 20,
    }
    starts = timezone.localtime(timezone.now() + timedelta(days=1))
    sent = {name: value for name, value in shown.items() if value is not False} | {
        "starts_at_0": f"{starts:%Y-%m-%d}",
        "starts_at_1": f"{starts:%H:%M:%S}",
        "auto_cancel_days": "8",
        "reason": "新しい方針",
    }
    assert admin.post(address, sent).status_code == 302
    entry = AuditEntry.objects.get()
    assert entry.reason == "新しい方針"
    assert entry.before == shown
    del entry.after["starts_at"]
    assert entry.after == {**shown, "auto_cancel_days": 8}


def test_a_version_says_why_and_starts_within_a_year(db, admin):
    address = reverse("admin:cancellations_policyversion_add")
    page = admin.get(address)
    assert "追加した版は、変更も取り消しもできません。" in page.content.decode()
    form = page.context["adminform"].form
    shown = {name: form[name].value() for name in form.fields if name not in {"starts_at", "reason"}}
    values = {name: value for name, value in shown.items() if value is not False}
    far = {"starts_at_0": "9999-12-31", "starts_at_1": "00:00"}
    soon = {"starts_at_0": f"{timezone.localdate() + timedelta(days=2)}", "starts_at_1": "00:00"}
    for more in (far | {"reason": "x"}, soon, soon | {"reason": " "}):
        assert admin.post(address, values | more).status_code == 200
    assert not PolicyVersion.objects.exists()
    assert admin.post(address, values | soon | {"reason": "x"}).status_code == 302


@pytest.mark.parametrize(
    ("days", "refused"),
    [
        ({"first": 3, "second": 2, "last": 7}, "前の警告と同じか、それより後の日数を入力してください。"),
        ({"first": 1, "second": 5, "last": 4}, "前の警告と同じか、それより後の日数を入力してください。"),
        ({"first": 1, "second": 5, "last": 8}, "自動キャンセルまでの日数以下で入力してください。"),
        ({"first": 2, "second": 2, "last": 2}, ""),
    ],
)
def test_warnings_come_in_their_order_and_before_the_automatic_cancellation(db, admin, days, refused):
    address = reverse("admin:cancellations_policyversion_add")
    form = admin.get(address).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields if name not in {"starts_at", "reason"}}
    sent = {name: value for name, value in shown.items() if value is not False}
    sent |= {f"{which}_warning_days": value for which, value in days.items()}
    sent |= {"starts_at_0": f"{timezone.localdate() + timedelta(days=2)}", "starts_at_1": "00:00", "reason": "x"}
    answer = admin.post(address, sent)
    assert (refused in answer.content.decode()) if refused else (answer.status_code == 302)
    assert PolicyVersion.objects.exists() is not bool(refused)


def test_the_database_keeps_warnings_in_their_order(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.create(number=2, starts_at=timezone.now(), first_warning_days=6)
