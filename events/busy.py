"""What is wrong when the database fails: it is away, or only held by somebody else for too long (reliability 3)."""

from psycopg2.errors import LockNotAvailable


def is_busy(error: Exception) -> bool:
    """Whether somebody else held a lock for too long, and nothing worse."""
    return isinstance(error.__cause__, LockNotAvailable)
