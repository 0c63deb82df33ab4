"""A trigger refuses to change or delete what the audit says."""

from django.db import migrations

FORBID = """
CREATE FUNCTION events_auditentry_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only: % of events_auditentry refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON events_auditentry
    FOR EACH ROW EXECUTE FUNCTION events_auditentry_is_append_only();
"""
ALLOW = """
DROP TRIGGER audit_is_append_only ON events_auditentry;
DROP FUNCTION events_auditentry_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0003_mail_texts_and_audit")]

    operations = [migrations.RunSQL(FORBID, ALLOW)]
