"""Signature version 2: every signed byte counts, clocks may be 15 minutes off, replays do nothing (S-22 to S-25)."""

from datetime import timedelta

import pytest
from django.test import override_settings

from accounts.developers import revoke
from accounts.models import Credential
from accounts.rules import Scope
from feeds.models import Feed
from mws.sections import AT_ROOT, ORDERS_ACTIONS, SELLERS_ACTIONS
from mws.signing import signature, string_to_sign
from tests.books import nothing_changes
from tests.cast import Cast

from .conftest import FEEDS, FLAT, NOW, ORDERS, Signer, checksum, error_of, signer_for


def signed(signer: Signer, method: str = "GET", **extra) -> tuple[dict[str, str], str]:
    given = signer.parameters(ORDERS, "GetServiceStatus", NOW, extra)
    return given, signer.query(method, ORDERS, given)


def test_the_worked_example_of_the_protocol():
    parameters = {
        "AWSAccessKeyId": "AKIAEXAMPLE",
        "Action": "GetServiceStatus",
        "MWSAuthToken": "amzn.mws.x",
        "SellerId": "A2EXAMPLE",
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": "2026-11-23T01:28:06",
        "Version": "2013-09-01",
    }
    text = string_to_sign("GET", "127.0.0.1:18443", "/Orders/2013-09-01", parameters.items())
    assert signature("secret", text) == "lvFbyeE5ux+uGzstTi9pPSVDigfW4W3daVMqUzLAX9M="


def test_s22_every_single_byte_that_is_changed_is_refused(signer):
    given, query = signed(signer, Note="a b~ü/＋")
    assert signer.send("GET", ORDERS, query).status_code == 200
    canonical, _, sent = query.partition("&Signature=")
    for place in range(len(canonical)):
        letter = canonical[place]
        if letter in "&=%":
            continue
        other = "B" if letter == "A" else "A"
        changed = f"{canonical[:place]}{other}{canonical[place + 1 :]}&Signature={sent}"
        assert signer.send("GET", ORDERS, changed).status_code in {400, 401, 403}, canonical[place - 5 : place + 5]
    for place in range(len(sent) - 4):
        changed = sent[:place] + ("B" if sent[place] == "A" else "A") + sent[place + 1 :]
        assert signer.send("GET", ORDERS, f"{canonical}&Signature={changed}").status_code in {400, 403}
    assert error_of(signer.send("POST", ORDERS, query)) == (403, "SignatureDoesNotMatch")
    assert error_of(signer.send("GET", "/Sellers/2011-07-01", query)) == (403, "SignatureDoesNotMatch")
    assert given


def test_the_order_in_which_parameters_are_sent_does_not_matter(signer):
    _, query = signed(signer)
    turned = "&".join(reversed(query.split("&")))
    assert signer.send("GET", ORDERS, turned).status_code == 200


def test_a_posted_form_is_signed_like_a_query(signer):
    given = signer.parameters(ORDERS, "GetServiceStatus", NOW, {})
    body = signer.query("POST", ORDERS, given)
    answer = signer.client.post(ORDERS, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


def test_the_host_as_clients_write_it_for_plain_http_is_taken_outside_production_only(signer):
    given = signer.parameters(ORDERS, "GetServiceStatus", NOW, {})
    query = signer.query("GET", ORDERS, given, host="http://testserver")
    assert signer.send("GET", ORDERS, query).status_code == 200
    with override_settings(PRODUCTION=True):
        assert error_of(signer.send("GET", ORDERS, query)) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("off", "status"),
    [
        (timedelta(minutes=14, seconds=59), 200),
        (timedelta(minutes=15), 200),
        (timedelta(minutes=15, seconds=1), 400),
        (-timedelta(minutes=15), 200),
        (-timedelta(minutes=15, seconds=1), 400),
    ],
)
def test_s23_a_time_stamp_may_be_fifteen_minutes_off_on_either_side(signer, off, status):
    assert signer.ask(ORDERS, "GetServiceStatus", now=NOW + off).status_code == status


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"SignatureVersion": "1"}, (400, "InvalidParameterValue")),
        ({"SignatureMethod": "HmacSHA1"}, (400, "InvalidParameterValue")),
        ({"AWSAccessKeyId": ""}, (400, "InvalidParameterValue")),
        ({"AWSAccessKeyId": "AKIANOBODY"}, (403, "InvalidAccessKeyId")),
        ({"Timestamp": "yesterday"}, (400, "InvalidParameterValue")),
        ({"Timestamp": ""}, (400, "InvalidParameterValue")),
        ({"SellerId": "A1SOMEBODYELSE"}, (401, "AccessDenied")),
        ({"SellerId": ""}, (401, "AccessDenied")),
        ({"MWSAuthToken": "amzn.mws.wrong"}, (401, "AccessDenied")),
        ({"Action": "DeleteEverything"}, (400, "InvalidParameterValue")),
        ({"Action": ""}, (400, "InvalidParameterValue")),
    ],
)
def test_s25_what_is_signed_but_not_good_is_refused_in_the_wires_words(signer, extra, expected):
    _, query = signed(signer, **extra)
    assert error_of(signer.send("GET", ORDERS, query)) == expected


def test_s25_a_parameter_or_a_signature_twice_is_refused(signer):
    _, query = signed(signer)
    for more in ("&SellerId=A1", "&Signature=x", "&Action=ListOrders"):
        assert error_of(signer.send("GET", ORDERS, query + more)) == (400, "InvalidParameterValue")


def test_merchant_is_another_name_for_the_seller_and_a_shops_own_software_needs_no_token(signer):
    given = signer.parameters(ORDERS, "GetServiceStatus", NOW, {"Merchant": signer.merchant})
    del given["SellerId"], given["MWSAuthToken"]
    assert signer.send("GET", ORDERS, signer.query("GET", ORDERS, given)).status_code == 200


def test_keys_that_were_revoked_open_nothing_from_the_next_request_on(cast: Cast, signer):
    assert signer.ask(ORDERS, "GetServiceStatus").status_code == 200
    credential = Credential.objects.get()
    assert credential.last_used_at == NOW
    revoke(seller_id=cast.shop.pk, credential_id=credential.pk, by=cast.seller, now=NOW)
    assert error_of(signer.ask(ORDERS, "GetServiceStatus")) == (403, "InvalidAccessKeyId")


@pytest.mark.parametrize("name", [*ORDERS_ACTIONS, *AT_ROOT, *SELLERS_ACTIONS])
def test_an_action_needs_its_scope(cast: Cast, name):
    path, actions = next(
        (path, table)
        for path, table in (
            (ORDERS, ORDERS_ACTIONS),
            ("/", AT_ROOT),
            ("/Sellers/2011-07-01", SELLERS_ACTIONS),
        )
        if name in table
    )
    scope = actions[name].scope
    without = signer_for(cast.shop, cast.alice, scopes=[each for each in Scope if each != scope])
    method = "POST" if name == "SubmitFeed" else "GET"
    if scope is None:
        assert without.ask(path, name).status_code == 200
        return
    without.ask("/Sellers/2011-07-01", "ListMarketplaceParticipations")  # the use of the keys is noted now
    with nothing_changes():
        assert error_of(without.ask(path, name, method=method)) == (401, "AccessDenied")


def test_s24_a_feed_that_is_sent_again_with_the_same_signature_is_one_feed(signer, no_broker):
    given = signer.parameters(
        FEEDS, "SubmitFeed", NOW, {"FeedType": "_POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA_"}
    )
    query = signer.query("POST", FEEDS, given)
    answers = {signer.send("POST", FEEDS, query, FLAT).content.split(b"<RequestId>")[0] for _ in range(20)}
    assert len(answers) == 1
    assert Feed.objects.count() == 1
    other = signer.send("POST", FEEDS, query, FLAT + b"x\n")
    assert error_of(other) == (400, "InvalidParameterValue")


def test_a_body_that_is_not_what_its_checksum_says_is_refused(signer, no_broker):
    given = signer.parameters(
        FEEDS, "SubmitFeed", NOW, {"FeedType": "_POST_FLAT_FILE_ORDER_ACKNOWLEDGEMENT_DATA_"}
    )
    query = signer.query("POST", FEEDS, given)
    wrong = signer.send("POST", FEEDS, query, FLAT, **{"Content-MD5": checksum(b"other")})
    assert error_of(wrong) == (400, "ContentMD5DoesNotMatch")
    signed = given | {"ContentMD5Value": checksum(FLAT)}
    other = signer.send("POST", FEEDS, signer.query("POST", FEEDS, signed), FLAT + b"x\n")
    assert error_of(other) == (400, "ContentMD5DoesNotMatch"), "a header does not speak for a signed parameter"
    missing = signer.client.generic("POST", f"{FEEDS}?{query}", FLAT, content_type="text/xml")
    assert error_of(missing) == (400, "ContentMD5Missing")
    assert not Feed.objects.exists()
