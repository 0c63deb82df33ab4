"""Taking a cancellation out of the rate: what a granted dispute or correction does (domain 9.3)."""

from collections.abc import Iterable

from cancellations.models import Cancellation


def exclude(*, cancellation_ids: Iterable[int]) -> int:
    """Take cancellations that count out of the numerator; return how many were in it before.

    Their verdict stays as it was judged: the facts have not changed, an operator has decided.
    """
    counting = Cancellation.objects.filter(pk__in=list(cancellation_ids), counted=True, excluded=False)
    return counting.update(excluded=True)
