"""Limits: of an application, of a shop over all of them, of an operation; with Redis and without it (S-26)."""

import pytest
import redis

from accounts.models import Application
from spapi import limits
from tests.cast import Cast

from .conftest import Software, error_of, software_of
from .test_tokens import asked, grant

ACCOUNT, PARTICIPATIONS = "/sellers/v1/account", "/sellers/v1/marketplaceParticipations"
BURST = 15


@pytest.fixture(autouse=True)
def limited(settings, no_limits) -> None:
    settings.SPAPI_RATE_LIMITS = True


@pytest.fixture(params=["with Redis", "without Redis"])
def either_way(request, monkeypatch) -> None:
    """Buckets of the whole portal, or of this process while Redis is away."""
    own = limits.Buckets()
    if request.param == "without Redis":

        def away():
            raise redis.ConnectionError

        monkeypatch.setattr(limits, "_script", away)
    monkeypatch.setattr("spapi.door.buckets", own)
    monkeypatch.setattr("spapi.views.tokens.buckets", own)


def drained(software: Software, path: str = ACCOUNT) -> int:
    """How many requests are answered before one is refused."""
    for count in range(1000):
        answer = software.get(path)
        if answer.status_code == 429:
            assert error_of(answer)[:2] == (429, "QuotaExceeded")
            assert int(answer["Retry-After"]) >= 1
            assert "x-amzn-RateLimit-Limit" not in answer
            return count
    raise AssertionError("nothing was refused")


@pytest.mark.usefixtures("either_way")
def test_an_empty_bucket_leaves_other_operations_and_other_shops_alone(software, rival):
    assert drained(software) == BURST
    assert software.get(PARTICIPATIONS).status_code == 200
    assert drained(rival) == BURST


@pytest.mark.usefixtures("either_way")
def test_another_application_of_the_shop_has_its_own_bucket_within_the_shops(cast: Cast, software):
    others = [software_of(cast.shop, cast.alice) for _ in range(5)]
    assert Application.objects.count() == 6
    assert drained(software) == BURST
    assert [drained(other) for other in others] == [BURST, BURST, BURST, 0, 0]


@pytest.mark.usefixtures("either_way")
def test_a_bucket_fills_again_with_time(software, clock):
    drained(software)
    clock.shift(1 / 0.016 + 1)
    assert drained(software) == 1


@pytest.mark.usefixtures("either_way")
def test_a_client_at_an_address_gets_sixty_tokens_at_once_then_one_a_second(software, rival, clock):
    given = [asked(grant(software)) for _ in range(60)]
    assert {answer.status_code for answer in given} == {200}
    late = asked(grant(software))
    assert (late.status_code, late.json()["error"], late["Retry-After"]) == (503, "temporarily_unavailable", "1")
    assert asked(grant(rival)).status_code == 200, "another client is not kept waiting"
    wrong = asked(grant(software, client_secret="wrong"))
    assert wrong.status_code == 503, "nobody finds out by trying"
    clock.shift(1)
    assert asked(grant(software)).status_code == 200
