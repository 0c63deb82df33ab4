"""Feeds 2009-01-01: a file is sent whole, asked after and answered by its processing report (mws 6)."""

import hashlib
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING

from django.utils.crypto import constant_time_compare

from feeds import queries, results
from feeds.actions import LARGEST_FEED, TooLarge, TooManyFeeds, cancel_feed, submit
from feeds.queries import Listed
from mws.documents import Part, moment
from mws.door import Call, Raw, checked, checksum
from mws.problems import Problem, denied, invalid
from spapi.names import FEED_TYPES, SCOPES_OF_FEED, TYPE_OF_FEED
from spapi.paging import page_down, state_of
from spapi.params import key_of, moment_of

if TYPE_CHECKING:
    from feeds.models import Feed

LIST = "mws.feeds"
KEPT = timedelta(days=90)
STATES = {
    "IN_QUEUE": "_SUBMITTED_",
    "IN_PROGRESS": "_IN_PROGRESS_",
    "DONE": "_DONE_",
    "FATAL": "_DONE_",
    "CANCELLED": "_CANCELLED_",
}
WIRE_STATES = (
    "_SUBMITTED_",
    "_IN_PROGRESS_",
    "_DONE_",
    "_CANCELLED_",
    "_AWAITING_ASYNCHRONOUS_REPLY_",
    "_IN_SAFETY_NET_",
    "_UNCONFIRMED_",
)
TYPES = {f"_{name}_": found for name, found in FEED_TYPES.items()}


def feed_parts(feed: "Feed") -> list[Part]:
    """One `FeedSubmissionInfo`."""
    return [
        ("FeedSubmissionId", feed.pk),
        ("FeedType", f"_{TYPE_OF_FEED[feed.kind, feed.is_xml]}_"),
        ("SubmittedDate", moment(feed.submitted_at)),
        ("FeedProcessingStatus", STATES[feed.state]),
        ("StartedProcessingDate", feed.started_at and moment(feed.started_at)),
        ("CompletedProcessingDate", feed.finished_at and moment(feed.finished_at)),
    ]


def submit_feed(call: Call) -> list[Part]:
    """Take a file in. The same signed request again gives the same answer and sends nothing (S-24)."""
    wire = call.text("FeedType", required=True)
    if call.request.method != "POST":
        raise invalid("SubmitFeed must be sent by POST")
    if wire not in TYPES:
        raise Problem(400, "InvalidFeedType", f"FeedType: {wire[:60]} is not one of {', '.join(TYPES)}")
    kind, is_xml = TYPES[wire]
    if scope := call.holder.lacks(SCOPES_OF_FEED[kind]):
        raise denied(f"The keys do not allow {scope}")
    content = _content(call)

    def act() -> dict:
        feed = submit(
            seller_id=call.seller_id,
            kind=kind,
            file_name=f"feed.{'xml' if is_xml else 'txt'}",
            content=BytesIO(content),
            is_dry_run=False,
            by=call.holder.actor,
            now=call.now,
            is_xml=is_xml,
        )
        return {"feed": feed.pk}

    digest = hashlib.sha256(content).hexdigest()
    try:
        answer = call.once([wire, digest], act)
    except TooManyFeeds:
        raise Problem(503, "RequestThrottled", "Request is throttled") from None
    except TooLarge:
        raise invalid(f"The feed is larger than {LARGEST_FEED} bytes") from None
    feed = queries.feed_of_seller(call.seller_id, answer["feed"])
    if feed is None:
        raise Problem(500, "InternalError", "The feed is gone.")
    return [("FeedSubmissionInfo", feed_parts(feed))]


def _content(call: Call) -> bytes:
    """The body, if it is what its checksum says. Raises Problem 400."""
    try:
        content = call.request.read(LARGEST_FEED + 1)
    except OSError:
        raise Problem(400, "InputStreamDisconnected", "The body broke off.") from None
    # The parameter is signed, the header is not: either must be right if it was sent.
    all_sent = [call.request.headers.get("Content-MD5") or "", call.text("ContentMD5Value")]
    if not any(all_sent):
        raise Problem(400, "ContentMD5Missing", "The Content-MD5 HTTP header is missing for your feed.")
    calculated = checksum([content])
    for sent in filter(None, all_sent):
        if not constant_time_compare(sent, calculated):
            message = (
                f"The Content-MD5 HTTP header you passed for your feed ({sent[:60]}) did not match the Content-MD5"
                f" we calculated for your feed ({calculated})"
            )
            raise Problem(400, "ContentMD5DoesNotMatch", message)
    return content


def get_feed_submission_list(call: Call) -> list[Part]:
    """The shop's feeds, the latest first; those of given numbers whatever else is asked."""
    if ids := call.listed("FeedSubmissionIdList.Id"):
        found = [queries.feed_of_seller(call.seller_id, key_of(each)) for each in ids]
        return [("HasNext", False), *(("FeedSubmissionInfo", feed_parts(each)) for each in found if each)]
    kept = {
        "types": call.listed("FeedTypeList.Type", known=tuple(TYPES)),
        "states": call.states("FeedProcessingStatusList.Status", own=STATES, known=WIRE_STATES),
        "limit": call.count(),
        "since": (call.moment("SubmittedFromDate") or call.now - KEPT).isoformat(),
        "until": (call.moment("SubmittedToDate") or call.now).isoformat(),
        "behind": 0,
    }
    return _page(call, kept)


def get_feed_submission_list_by_next_token(call: Call) -> list[Part]:
    """The next page."""
    return _page(call, state_of(call.text("NextToken", required=True), LIST, call.seller_id, now=call.now))


def _page(call: Call, kept: dict) -> list[Part]:
    asked = Listed(
        since=moment_of("SubmittedFromDate", kept["since"]),
        until=moment_of("SubmittedToDate", kept["until"]),
        types=[(TYPES[name][0].value, TYPES[name][1]) for name in kept["types"]],
        states=kept["states"],
        behind=kept["behind"],
    )
    found, token = page_down(
        lambda limit: queries.feeds_for_software(call.seller_id, asked, limit=limit),
        LIST,
        call.seller_id,
        kept,
        now=call.now,
    )
    shown = [("FeedSubmissionInfo", feed_parts(each)) for each in found]
    return [("NextToken", token or None), ("HasNext", bool(token)), *shown]


def cancel_feed_submissions(call: Call) -> list[Part]:
    """Take feeds out of the queue; the answer holds those that were."""
    keys = [key_of(each) for each in call.listed("FeedSubmissionIdList.Id")]

    def act() -> dict:
        return {
            "feeds": [
                key
                for key in keys
                if cancel_feed(seller_id=call.seller_id, feed_id=key, by=call.holder.actor, now=call.now)
            ]
        }

    found = [queries.feed_of_seller(call.seller_id, key) for key in call.once(keys, act)["feeds"]]
    cancelled = [feed for feed in found if feed]
    return [("Count", len(cancelled)), *(("FeedSubmissionInfo", feed_parts(each)) for each in cancelled)]


def get_feed_submission_result(call: Call) -> Raw:
    """The processing report itself, with its checksum."""
    written = call.text("FeedSubmissionId", required=True)
    feed = queries.feed_of_seller(call.seller_id, key_of(written))
    if feed is None:
        raise Problem(400, "InvalidFeedSubmissionId", f"Invalid FeedSubmissionId: {written[:60]}")
    if feed.state == "CANCELLED":
        raise Problem(400, "FeedCanceled", f"Feed {feed.pk} was cancelled")
    if feed.finished_at is None:
        message = f"Feed Submission Result is not ready for Feed {feed.pk}"
        raise Problem(404, "FeedProcessingResultNotReady", message)
    lines = queries.lines_of(feed).iterator(chunk_size=2000)
    if feed.is_xml:
        text = "".join(results.as_xml_report(feed, lines, queries.messages_of(feed)))
        return checked(text.encode(), "text/xml")
    text = "".join(results.as_processing_report(feed, lines))
    return checked(text.encode("cp932", errors="replace"), "text/plain;charset=Shift_JIS")
