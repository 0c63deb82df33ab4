"""Requests that were open before reminders existed are reminded of like the others."""

from django.db import migrations

REMIND = """
UPDATE cancellations_cancellationrequest
SET remind_at = requested_at + (response_due_at - requested_at) / 2
WHERE status = 'OPEN' AND remind_at IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("cancellations", "0004_request_queue")]

    operations = [migrations.RunSQL(REMIND, migrations.RunSQL.noop)]
