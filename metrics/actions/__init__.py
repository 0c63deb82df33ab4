"""Acts on rates: take and correct snapshots, look at states, contest a record and decide."""

from .disputes import Evidence, Refused, ask_correction, decide, open_dispute
from .snapshots import correct_snapshots, take_missing_snapshots
from .states import look_again, look_at_states

__all__ = [
    "Evidence",
    "Refused",
    "ask_correction",
    "correct_snapshots",
    "decide",
    "look_again",
    "look_at_states",
    "open_dispute",
    "take_missing_snapshots",
]
