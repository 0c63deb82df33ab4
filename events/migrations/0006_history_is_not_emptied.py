"""History and audit log are not emptied either: TRUNCATE fires no trigger of single rows."""

from django.db import migrations

FORBID = """
CREATE TRIGGER history_is_not_emptied BEFORE TRUNCATE ON events_event
    FOR EACH STATEMENT EXECUTE FUNCTION events_event_is_append_only();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON events_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION events_auditentry_is_append_only();
"""
ALLOW = """
DROP TRIGGER history_is_not_emptied ON events_event;
DROP TRIGGER audit_is_not_emptied ON events_auditentry;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0005_what_operators_look_for")]

    operations = [migrations.RunSQL(FORBID, ALLOW)]
