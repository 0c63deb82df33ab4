"""Redis gone: people notice nothing, mails come later (F-20, M4, M9, M10)."""

import re
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import timedelta
from http.cookiejar import CookieJar

import pytest
from django.utils import timezone

from accounts.models import Membership
from events.models import Delivery
from orders.models import Order
from tests import factories
from tests.factories import PASSWORD

from .conftest import Stage


def closed_port() -> int:
    """A port of this machine at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Visitor:
    """A person with a browser that keeps cookies and fills in forms."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open

    def get(self, path: str) -> str:
        """Open a page."""
        with self.open(self.root + path, timeout=30) as answer:
            return answer.read().decode()

    def send(self, page: str, path: str, **fields: str) -> str:
        """Fill in the form of a page and send it; its hidden fields go along."""
        form = next(
            part for part in self.get(page).split("<form")[1:] if f'action="{path}' in part or path == page
        )
        form = form.partition("</form>")[0]
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
        data = urllib.parse.urlencode(hidden | fields).encode()
        with self.open(self.root + path, data, timeout=30) as answer:
            return answer.read().decode()


@pytest.fixture
def web(stage: Stage) -> str:
    """The portal's own web server, told of a Redis that is not there."""
    port = closed_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--no-ws", "sellercentral.wsgi:application"]
    stage.start(command, says="", PORTAL_PROCESS="web", REDIS_URL=f"redis://127.0.0.1:{closed_port()}/0")
    root = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{root}/health/ready", timeout=5) as answer:  # noqa: S310 - loopback
                return answer.status == 200
        except OSError:
            return False

    stage.eventually(answers, "the web server")
    return root


def test_without_redis_pages_and_acts_work_and_mails_leave_with_a_later_sweep_f20(stage: Stage, web: str):
    seller = factories.shop()
    factories.member(seller, Membership.Role.OWNER, "alice@seller.example", "中村 葵")
    dora = factories.person("dora@buyer.example", "森下 遥")
    order = factories.order(seller, dora, placed_at=timezone.now() - timedelta(hours=1))
    visitor = Visitor(web)
    assert "注文管理" in visitor.send("/login/", "/login/", email="alice@seller.example", password=PASSWORD)
    assert order.number in visitor.get("/seller/orders/")
    page, act = f"/seller/orders/{order.number}/", f"/seller/orders/{order.number}/cancel/"
    asked = visitor.send(page, act, reason="NO_INVENTORY", seller_memo="")
    assert "このままキャンセルする" in asked
    done = visitor.send(page, act, reason="NO_INVENTORY", seller_memo="", confirmed="NO_INVENTORY")
    assert "注文をキャンセルしました" in done
    order.refresh_from_db()
    assert order.status == Order.Status.CANCELED
    assert "注文管理" in visitor.get("/seller/orders/")  # still signed in: sessions stand in the database
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.PENDING}
    stage.worker()
    stage.beat()
    stage.eventually(lambda: len(stage.sink.mails) == 2, "both mails")
    stage.eventually(lambda: not Delivery.objects.filter(state=Delivery.State.PENDING).exists(), "all told")
    assert sorted(address for _, address in stage.sink.mails) == ["alice@seller.example", "dora@buyer.example"]
