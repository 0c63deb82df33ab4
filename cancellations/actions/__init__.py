"""Acts of the heart: request, withdraw, decline, cancel, and the automatic sweep.

Each takes a batch, locks its orders, asks the policy for each, writes set-wise and answers with one Outcome per
target (wall 2). What was decided under the lock is written together with its event.
"""

from .cancelling import cancel, facts_from
from .policies import start_policy
from .requests import decline, request_cancellation, save_settled, see_requests, settle_request, withdraw
from .sweep import cancel_overdue, run_sweep
from .targets import CancelTarget, Case, DeclineTarget, RequestTarget, WithdrawTarget, judge

__all__ = [
    "CancelTarget",
    "Case",
    "DeclineTarget",
    "RequestTarget",
    "WithdrawTarget",
    "cancel",
    "cancel_overdue",
    "decline",
    "facts_from",
    "judge",
    "request_cancellation",
    "run_sweep",
    "save_settled",
    "see_requests",
    "settle_request",
    "start_policy",
    "withdraw",
]
