"""How often software may ask: a bucket per shop, application and operation, shared by all processes (sp-api 1.5).

A wider bucket of the whole shop stands behind those of its applications: many registrations do not make a shop faster
than a few (S-26).

Redis keeps the buckets and moves them in one atomic script. Without Redis each process keeps its own for a while: the
limit is then looser by the number of processes, and nothing stops.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Lock

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

SCRIPT = """
local rate, burst, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
local at = tonumber(kept[2]) or now
local level = math.min(burst, (tonumber(kept[1]) or burst) + math.max(0, now - at) * rate)
local wait = 0
if level >= 1 then level = level - 1 else wait = (1 - level) / rate end
redis.call('HSET', KEYS[1], 'level', string.format('%.9f', level), 'at', string.format('%.6f', math.max(now, at)))
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
return {string.format('%.6f', wait), string.format('%.6f', level)}
"""
# After a failure Redis is left alone for so long, so that no request waits for it.
PAUSE_SECONDS = 5.0
# Buckets that one process keeps at most; all are full again when they are dropped.
MOST_KEPT = 10_000
# What all applications of a shop may ask together, in shares of one.
SHARES_OF_SHOP = 4


@dataclass(frozen=True, slots=True)
class Limit:
    """A usage plan: so many requests at once, then so many a second."""

    rate: float
    burst: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a request: the seconds to `wait` if it may not be now, else 0; and how many are `left`."""

    wait: float
    left: float


class Buckets:
    """The buckets of this process's requests."""

    def __init__(self) -> None:
        self.own: dict[str, tuple[float, float]] = {}
        self.lock = Lock()
        self.quiet_until = 0.0

    def take_for(self, seller_id: int, application_id: int, name: str, limit: Limit, *, now: datetime) -> Taken:
        """Take one for an operation, from the application's bucket and from the shop's."""
        taken = self._take(f"{seller_id}:{application_id}:{name}", limit, now)
        if taken.wait:
            return taken
        shared = Limit(limit.rate * SHARES_OF_SHOP, limit.burst * SHARES_OF_SHOP)
        return Taken(self._take(f"{seller_id}:{name}", shared, now).wait, taken.left)

    def take_of(self, caller: str, name: str, limit: Limit, *, now: datetime) -> Taken:
        """Take one for whoever is not known yet, by what they say of themselves and where they ask from."""
        digest = hashlib.sha256(caller.encode(errors="replace")).hexdigest()
        return self._take(f"{name}:{digest}", limit, now)

    def _take(self, key: str, limit: Limit, now: datetime) -> Taken:
        if time.monotonic() >= self.quiet_until:
            try:
                found = _script()(keys=[f"{settings.REDIS_PREFIX}limit:{key}"], args=_words(limit, now))
                return Taken(*map(float, found))
            except redis.RedisError:
                self.quiet_until = time.monotonic() + PAUSE_SECONDS
                logger.warning("Redis does not answer; this process limits requests by itself", exc_info=True)
        return self._take_own(key, limit, now.timestamp())

    def _take_own(self, key: str, limit: Limit, now: float) -> Taken:
        with self.lock:
            if len(self.own) >= MOST_KEPT:
                self.own.clear()
            level, at = self.own.get(key, (float(limit.burst), now))
            level = min(limit.burst, level + max(0.0, now - at) * limit.rate)
            wait = 0.0 if level >= 1 else (1 - level) / limit.rate
            left = level if wait else level - 1
            self.own[key] = (left, max(now, at))
            return Taken(wait, left)


def _words(limit: Limit, now: datetime) -> list[str]:
    return [repr(limit.rate), str(limit.burst), repr(now.timestamp())]


@cache
def _script():
    return redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_CLIENT_OPTIONS).register_script(SCRIPT)


buckets = Buckets()
