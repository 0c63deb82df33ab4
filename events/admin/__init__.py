"""History, outbox, mails and the audit log in the admin."""

from .audit import AuditEntryAdmin
from .history import DeliveryAdmin, EventAdmin, EventInWords, IdempotencyKeyAdmin
from .mails import MailInWords, MailTextAdmin, SentMailAdmin

__all__ = [
    "AuditEntryAdmin",
    "DeliveryAdmin",
    "EventAdmin",
    "EventInWords",
    "IdempotencyKeyAdmin",
    "MailInWords",
    "MailTextAdmin",
    "SentMailAdmin",
]
