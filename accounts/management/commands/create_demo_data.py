"""`manage.py create_demo_data`: the demo's people and shops, and the believable shop, made through the actions."""

import time
from argparse import ArgumentParser
from datetime import datetime
from random import Random

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts import actions, queries
from accounts.developers import issue, register
from accounts.keys import Keys
from accounts.models import Membership, Seller, User
from accounts.rules import Scope
from cancellations.queries import rules_at
from metrics.actions import look_at_states, take_missing_snapshots
from orders.demo import everyday, story
from orders.demo.cast import Cast, selling

# Published with the demo; the command refuses to make these people anywhere else.
PASSWORD = "demo-portal-2026"  # noqa: S105 - not a secret
SEEDLING = "A2SEEDLINGDEMO1"
RIVAL = "A3RIVALDEMO0001"
CLIENT_ID = "amzn1.application-oa2-client.demo0001"
KEYS = Keys(
    "demo-secret-2026",
    "Atzr|demo-alice-2026",
    "AKIADEMOPORTAL000001",
    "demo-mws-secret-2026",
    "amzn.mws.demo-alice-2026",
)
EVERYDAY_ORDERS = 400
SAME_SHOP_EVERY_TIME = 2026


class Command(BaseCommand):
    """Make the demo shop once; a second run changes nothing."""

    help = "Make demo people and a shop with orders in every state. Only in demo or debug mode."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--orders",
            type=int,
            default=EVERYDAY_ORDERS,
            help=f"everyday orders beside those that show every state (default: {EVERYDAY_ORDERS})",
        )

    def handle(self, *args, **options) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "Demo people have a published password: they are not made in production. "
                "Set DEMO=on or DEBUG=on if this is no production portal."
            )
        if options["orders"] < 0:
            raise CommandError("--orders must not be negative.")
        if queries.seller_by_reference(SEEDLING):
            self._say("The demo data is here already; nothing was changed.", options)
            return
        began = time.monotonic()
        # All or nothing: an interrupted run leaves an empty database, and the next one starts afresh.
        with transaction.atomic():
            now = timezone.now()
            cast = _people(auto_cancel_days=rules_at(now).auto_cancel_days)
            _register_software(cast.seedling, cast.alice, now=now)
            everyday.trade(cast, orders=options["orders"], now=now)
            told = story.tell(cast, now=now)
            take_missing_snapshots(now=now)
            look_at_states(now=now)
        seconds = time.monotonic() - began
        counts = f"{told} orders in every state, {options['orders']} everyday orders"
        self._say(f"{counts}; {seconds:.1f} s", options)

    def _say(self, text: str, options: dict) -> None:
        if options["verbosity"]:
            self.stdout.write(text)


def _people(*, auto_cancel_days: int) -> Cast:
    """Make the two shops and everybody who signs in."""

    def enrol(email: str, name: str):
        return actions.enrol(email=email, name=name, password=PASSWORD)

    seedling = actions.open_shop(name="シードリング商店", merchant_id=SEEDLING)
    rival = actions.open_shop(name="ライバル商会", merchant_id=RIVAL)
    alice = enrol("alice@seller.example", "有栖川 アリス")
    bob = enrol("bob@seller.example", "坊野 ボブ")
    rei = enrol("rei@seller.example", "零石 レイ")
    charlie = enrol("charlie@rival.example", "茶利 チャーリー")
    for seller, user, role in (
        (seedling, alice, Membership.Role.OWNER),
        (seedling, bob, Membership.Role.ORDER_STAFF),
        (seedling, rei, Membership.Role.READ_ONLY),
        (rival, charlie, Membership.Role.OWNER),
    ):
        actions.give_role(seller=seller, user=user, role=role)
    return Cast(
        seedling=seedling,
        rival=rival,
        alice=alice,
        bob=bob,
        charlie=charlie,
        dora=enrol("dora@buyer.example", "土井 ドーラ"),
        eiji=enrol("eiji@buyer.example", "江口 英二"),
        olga=actions.enrol_operator(email="olga@operator.example", name="折賀 オルガ", password=PASSWORD),
        auto_cancel_days=auto_cancel_days,
        chance=Random(SAME_SHOP_EVERY_TIME),  # noqa: S311 - no secret is drawn from it
    )


def _register_software(seller: Seller, owner: User, *, now: datetime) -> None:
    """Let the shop's software in with the keys that are published for the demo."""
    by = selling(owner)
    application = register(
        seller_id=seller.pk,
        name="在庫管理システム",
        purpose="注文の取得、キャンセルと出荷通知の送信、注文レポートの取得",
        contact=owner.email,
        needs_approval=False,
        by=by,
        now=now,
        client_id=CLIENT_ID,
    )
    issue(
        seller_id=seller.pk,
        application_id=application.pk,
        scopes=list(Scope),
        days=365,
        newest=0,
        by=by,
        now=now,
        keys=KEYS,
    )
