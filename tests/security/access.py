"""ACCESS: for every address of the portal, who may do what there. A view without a line here fails the build."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.contrib import admin
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from . import cast
from .cast import (
    ANONYMOUS,
    BOTH,
    EVERYBODY,
    MAY_ACT,
    NO_ROLE,
    OPERATOR,
    OPERATORS,
    OTHER_SELLER,
    OWNER,
    SHOP_PEOPLE,
    SIGNED_IN,
    Body,
)

OWNERS = frozenset({OWNER, OTHER_SELLER, BOTH})
READ = frozenset({"GET", "HEAD"})
POST = frozenset({"POST"})
ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@dataclass(frozen=True)
class Rule:
    """Who is let in, by which methods, and what they are answered.

    A page about an order names the cast's order it is tried with, what its form sends, and whose order it must
    be: for everybody else who is let in at all, the order does not exist. A page about something else of the shop
    names the cast's row.
    """

    roles: frozenset[str]
    methods: frozenset[str] = READ
    read: int = 200
    done: int | str = 302
    order: str = ""
    row: str = ""
    owners: frozenset[str] = frozenset()
    body: Body | None = None
    # Who of them may send its form; everybody, if nothing is said.
    posts: frozenset[str] | None = None

    def expected(self, role: str, method: str) -> int | str:
        """The status of the answer; `login` for being sent to sign in."""
        if method not in self.methods:
            return 405
        if role not in self.roles or (method == "POST" and self.posts is not None and role not in self.posts):
            return "login" if role == ANONYMOUS else 403
        if (self.order or self.row) and role not in self.owners:
            return 404
        return self.done if method == "POST" else self.read


def page(roles: Iterable[str], *, methods: frozenset[str] = READ, read: int = 200, done: int | str = 302) -> Rule:
    """A page that is about nobody's order in particular."""
    return Rule(frozenset(roles), methods, read, done)


def of_seller(order: str, *, acts: Body | None = None) -> Rule:
    """A page about an order of the shop; READ_ONLY only looks, and acts nowhere."""
    roles, methods = (MAY_ACT, READ | POST) if acts else (SHOP_PEOPLE, READ)
    return Rule(roles, methods, order=order, owners=cast.OF_SELLER, body=acts)


def of_buyer(order: str, *, acts: Body | None = None, shows: bool = True) -> Rule:
    """A page about the buyer's own order."""
    methods = (READ if shows else frozenset()) | (POST if acts else frozenset())
    return Rule(SIGNED_IN, methods, order=order, owners=cast.OF_BUYER, body=acts)


ACCESS = {
    "home": page(SIGNED_IN, read=302),
    "login": page(EVERYBODY, methods=READ | POST, done=200),
    "password-forgotten": page(EVERYBODY, methods=READ | POST, done=200),
    "password-link": Rule(frozenset(EVERYBODY), read=302, row="link", owners=frozenset(EVERYBODY)),
    "password-new": page(EVERYBODY, methods=READ | POST, read=410, done=410),  # without a link
    "logout": page(EVERYBODY, methods=POST, done="login"),
    "language": page(EVERYBODY, methods=POST),
    "second-factor": page(SIGNED_IN, methods=READ | POST, read=302),
    "second-factor-set-up": page(SIGNED_IN, methods=READ | POST, done=200),
    "favicon": page(EVERYBODY, read=302),
    "help:index": page(EVERYBODY),
    "help:cancelling": page(EVERYBODY),
    "help:cancelling-several": page(EVERYBODY),
    "help:questions": page(EVERYBODY),
    "help:rate": page(EVERYBODY),
    "help:report-columns": page(EVERYBODY),
    "help:for-buyers": page(EVERYBODY),
    "health-live": page(EVERYBODY),
    "health-ready": page(EVERYBODY),
    # Whoever signs in is nobody there: what is sent counts by its signature.
    "provider-notices": Rule(frozenset(EVERYBODY), POST, row="provider", owners=frozenset(EVERYBODY), done=400),
    "health-status": page(OPERATORS),
    "seller:home": page(SHOP_PEOPLE),
    "seller:figures": page(SHOP_PEOPLE, read=204),
    "seller:orders": page(SHOP_PEOPLE),
    "seller:settings": page(SHOP_PEOPLE, methods=READ | POST, done=200),
    "seller:people": page(OWNERS, methods=READ | POST, done=200),
    "seller:developer": page(OWNERS, methods=READ | POST, done=200),
    "seller:application": Rule(OWNERS, READ | POST, done=200, row="application", owners=frozenset({OWNER})),
    "seller:application-end": Rule(OWNERS, READ | POST, row="application", owners=frozenset({OWNER})),
    "seller:keys-end": Rule(OWNERS, READ | POST, row="keys", owners=frozenset({OWNER})),
    "seller:redirects": Rule(OWNERS, READ | POST, row="application", owners=frozenset({OWNER})),
    "consent": page(OWNERS, methods=READ | POST, read=400, done=400),  # without a software that sends anybody
    "seller:webhooks": page(OWNERS, methods=READ | POST, done=200),
    "seller:webhook": Rule(OWNERS, READ | POST, done=200, row="webhook", owners=frozenset({OWNER})),
    "seller:webhook-secret": Rule(OWNERS, READ | POST, done=200, row="webhook", owners=frozenset({OWNER})),
    "seller:webhook-end": Rule(OWNERS, READ | POST, row="webhook", owners=frozenset({OWNER})),
    "seller:webhook-again": Rule(OWNERS, POST, row="message", owners=frozenset({OWNER})),
    "seller:notifications": page(SHOP_PEOPLE, methods=READ | POST),
    "seller:rules": page(OWNERS, methods=READ | POST, done=200),
    "seller:order": of_seller("asked"),
    "seller:order-cancel": of_seller("asked", acts=cast.cancel_body),
    "seller:order-cancel-items": of_seller("waiting", acts=cast.cancel_items_body),
    "seller:orders-cancel": page(MAY_ACT, methods=READ | POST, done=200),
    "seller:orders-cancelled": Rule(MAY_ACT, row="bulk", owners=cast.OF_SELLER),
    "seller:order-decline": of_seller("asked", acts=cast.decline_body),
    "seller:order-confirm-shipment": of_seller("waiting", acts=cast.confirm_body),
    "seller:order-refund": of_seller("charged", acts=cast.refund_body),
    "seller:messages": page(SHOP_PEOPLE),
    "seller:message": Rule(
        SHOP_PEOPLE, READ | POST, order="waiting", owners=cast.OF_SELLER, body=cast.message_body, posts=MAY_ACT
    ),
    "seller:message-file": Rule(SHOP_PEOPLE, row="file", owners=cast.OF_SELLER),
    "seller:order-packing-slip": of_seller("asked"),
    "seller:packing-slips": page(SHOP_PEOPLE),
    "seller:pick-list": page(SHOP_PEOPLE),
    "seller:feeds": Rule(SHOP_PEOPLE, READ | POST, done=200, posts=MAY_ACT),
    "seller:feed": Rule(SHOP_PEOPLE, row="feed", owners=cast.OF_SELLER),
    "seller:feed-result": Rule(SHOP_PEOPLE, row="feed", owners=cast.OF_SELLER),
    "seller:feed-template": Rule(SHOP_PEOPLE, row="feed-kind", owners=SHOP_PEOPLE),
    "seller:report": Rule(SHOP_PEOPLE, READ | POST, done=200, posts=MAY_ACT),
    "seller:report-columns": Rule(SHOP_PEOPLE, READ | POST, done=200, posts=MAY_ACT),
    "seller:report-download": Rule(SHOP_PEOPLE, row="report", owners=cast.OF_SELLER),
    "seller:report-schedule-end": Rule(MAY_ACT, POST, row="schedule", owners=cast.OF_SELLER),
    "seller:performance": page(SHOP_PEOPLE),
    "seller:rate": page(SHOP_PEOPLE),
    "seller:rate-download": page(SHOP_PEOPLE),
    "seller:disputes": page(SHOP_PEOPLE),
    "seller:dispute-new": Rule(MAY_ACT, READ | POST, done=200, row="counted", owners=cast.OF_SELLER),
    "seller:dispute": Rule(SHOP_PEOPLE, row="dispute", owners=cast.OF_SELLER),
    "seller:dispute-file": Rule(SHOP_PEOPLE, row="dispute-file", owners=cast.OF_SELLER),
    "buyer:account": page(SIGNED_IN),
    "buyer:preferences": page(SIGNED_IN, methods=READ | POST, done=200),
    "buyer:orders": page(SIGNED_IN),
    "buyer:order": of_buyer("asked"),
    "buyer:order-cancel": of_buyer("fresh", acts=cast.buyer_cancel_body),
    "buyer:order-request": of_buyer("waiting", acts=cast.request_body),
    "buyer:order-withdraw": of_buyer("asked", acts=cast.withdraw_body, shows=False),
    "buyer:messages": page(SIGNED_IN),
    "buyer:message": of_buyer("waiting", acts=cast.message_body),
    "buyer:message-file": Rule(SIGNED_IN, row="file", owners=cast.OF_BUYER),
    "buyer:test-order": page(SIGNED_IN, methods=READ | POST, done=200),
}


def address_of(name: str, about: str | int | tuple[str, int]) -> str:
    """The address of a page, about an order or another row if it is about one."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return reverse(name, args=about if isinstance(about, tuple) else [about])


# --- the admin --------------------------------------------------------------------------------------------

# Rows that operators write by hand; all others are written by acts alone and are read-only here (S-51).
CHANGED_BY_HAND = {"accounts.user", "accounts.seller", "cancellations.buyerreason", "cancellations.closure"}
# A version of the policy is added and never changed; adding an import is uploading its file.
ADDED_BY_HAND = CHANGED_BY_HAND | {"cancellations.policyversion", "orders.import"}
STAFF_PAGES = {
    "admin:index",
    "admin:jsi18n",
    "admin:password_change",
    "admin:password_change_done",
    "admin:logout",
}


def admin_access() -> dict[str, frozenset[str]]:
    """Which roles a page of the admin is shown to: one line for each kind of page, for every registered model."""
    operator, nobody = frozenset({OPERATOR}), frozenset[str]()
    access = {
        "operator-sign-in": nobody,
        "admin:login": nobody,
        **dict.fromkeys(STAFF_PAGES, frozenset({OPERATOR, NO_ROLE})),
        "admin:app_list": operator,
        "admin:autocomplete": operator,
        "admin:view_on_site": operator,
        "admin:orders_order_act": operator,
        "admin:orders_order_recipient": operator,
        "admin:events_delivery_retry": nobody,
        "admin:metrics_dispute_decide": operator,
        "admin:metrics_dispute_file": operator,
        "admin:metrics_ratestate_rehearse": operator,
        "admin:accounts_user_reset_second_factor": operator,
        "admin:accounts_application_act": operator,
        "admin:events_sentmail_html": operator,
        "admin:events_mailtext_edit": operator,
        "admin:events_mailtext_preview": operator,
        "admin:auth_user_password_change": operator,
        "admin/(?P<url>.*)$": nobody,
    }
    for model in admin.site._registry:
        label, name = model._meta.label_lower, f"{model._meta.app_label}_{model._meta.model_name}"
        access |= {
            f"admin:{name}_changelist": operator,
            f"admin:{name}_change": operator,
            f"admin:{name}_history": operator,
            f"admin:{name}_add": operator if label in ADDED_BY_HAND else nobody,
            f"admin:{name}_delete": nobody,
            f"admin/{label.replace('.', '/')}/<path:object_id>/": frozenset({OPERATOR, NO_ROLE}),
        }
    return access


# --- the addresses ----------------------------------------------------------------------------------------


# Addresses that ask for a token and know no session: tests/spapi and tests/mws say who gets what there.
FOR_SOFTWARE = ("spapi:", "mws:")


def routes() -> set[str]:
    """Every address the resolver knows: its name, or its pattern if it has none."""
    return set(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: Iterable[URLPattern | URLResolver], space: str, path: str) -> Iterator[str]:
    for each in patterns:
        here = path + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _walk(each.url_patterns, f"{space}{each.namespace}:" if each.namespace else space, here)
        else:
            yield f"{space}{each.name}" if each.name else here
