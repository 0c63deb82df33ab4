"""A trigger refuses to change or delete what happened."""

from django.db import migrations

FORBID = """
CREATE FUNCTION events_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is append-only: % of events_event refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER history_is_append_only BEFORE UPDATE OR DELETE ON events_event
    FOR EACH ROW EXECUTE FUNCTION events_event_is_append_only();
"""
ALLOW = """
DROP TRIGGER history_is_append_only ON events_event;
DROP FUNCTION events_event_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [migrations.RunSQL(FORBID, ALLOW)]
