"""The policy's versions."""

from django.db import transaction

from cancellations.models import PolicyVersion


def start_policy(version: PolicyVersion) -> None:
    """Let a new version of the policy rule from its start, under the number after the last one (domain 17)."""
    with transaction.atomic():
        last = PolicyVersion.objects.select_for_update().order_by("-number").first()
        version.number = last.number + 1 if last else 2
        version.save(force_insert=True)
