"""A moment on a page is written in the marketplace's zone and tells UTC on hover (domain 15, 19)."""

import re

import pytest

from tests.house.test_english_pages import addresses
from tests.security import cast

pytestmark = pytest.mark.django_db
TOLD_TWICE = re.compile(r'<time datetime="[^"]+Z" title="[^"]+ UTC">.*?</time>', re.DOTALL)
STAMP = re.compile(r".{0,60}\d{4}/\d\d/\d\d \d\d:\d\d JST")


def test_every_moment_tells_both_clocks():
    people, alone, told = cast.gather(), [], 0
    for role, address in addresses(people):
        answer = people.client(role).get(address)
        if answer.streaming:  # a file for spreadsheets tells its zone in each value
            continue
        page = answer.content.decode()
        told += len(TOLD_TWICE.findall(page))
        alone += [f"{address}: {stamp}" for stamp in STAMP.findall(TOLD_TWICE.sub("", page))]
    assert alone == []
    assert told > 10
