"""Acts of the heart: request, withdraw, decline, cancel, and the automatic sweep.

Each takes a batch, locks its orders, asks the policy for each, writes set-wise and answers with one Outcome per
target (wall 2). What was decided under the lock is written together with its event.
"""

from .bulk import ORDERS_AT_ONCE, ORDERS_PER_BULK, enqueue_bulk, run_bulk, start_bulk
from .cancelling import cancel
from .closures import apply_closures
from .excluding import exclude
from .policies import start_policy
from .requests import decline, request_cancellation, save_settled, see_requests, settle_request, withdraw
from .shop_rules import approve_by_rules, set_shop_rules
from .sweep import cancel_overdue, run_sweep
from .targets import CancelTarget, Case, DeclineTarget, RequestTarget, WithdrawTarget, approval_of, judge
from .unanswered import approve_unanswered, remind_of_requests
from .warnings import warn_late

__all__ = [
    "ORDERS_AT_ONCE",
    "ORDERS_PER_BULK",
    "CancelTarget",
    "Case",
    "DeclineTarget",
    "RequestTarget",
    "WithdrawTarget",
    "apply_closures",
    "approval_of",
    "approve_by_rules",
    "approve_unanswered",
    "cancel",
    "cancel_overdue",
    "decline",
    "enqueue_bulk",
    "exclude",
    "judge",
    "remind_of_requests",
    "request_cancellation",
    "run_bulk",
    "run_sweep",
    "save_settled",
    "see_requests",
    "set_shop_rules",
    "settle_request",
    "start_bulk",
    "start_policy",
    "warn_late",
    "withdraw",
]
