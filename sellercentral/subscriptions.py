"""Who is told what: the whole reaction of the portal on one screen.

Event → listener name → what is called, and for whom. Every line becomes delivery rows in the transaction of the
act; a muted listener (an import sends no mail) is named by the act itself, and so is a mail that people may stop.
"""

from events.actions import BUYER, PERSON, STAFF, SUBSCRIBERS, Listener

SUBSCRIPTIONS = {
    "person.password_forgotten": {
        "mail_person": Listener("accounts.notices.mail_password_link", PERSON),
    },
    "message.sent_by_buyer": {
        "mail_seller": Listener("messaging.notices.mail_message", STAFF),
    },
    "message.sent_by_seller": {
        "mail_buyer": Listener("messaging.notices.mail_message", PERSON),
    },
    "order.placed": {
        "reserve": Listener("payments.notices.reserve"),
    },
    "payment.verified": {},
    "payment.refunded": {
        "mail_seller": Listener("payments.notices.mail_seller", STAFF),
        "mail_buyer": Listener("payments.notices.mail_buyer", BUYER),
        "refund": Listener("payments.notices.refund"),
    },
    "order.held": {},
    "order.released": {},
    "order.extended": {},
    "cancellation.requested": {
        "approve": Listener("cancellations.notices.approve"),
        "push": Listener("spapi.messages.order_change", SUBSCRIBERS),
        "mail_seller": Listener("cancellations.notices.mail_seller", STAFF),
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
    },
    "cancellation.withdrawn": {
        "push": Listener("spapi.messages.order_change", SUBSCRIBERS),
        "mail_seller": Listener("cancellations.notices.mail_seller", STAFF),
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
    },
    "cancellation.declined": {
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
    },
    "cancellation.unanswered": {
        "mail_seller": Listener("cancellations.notices.mail_reminder", STAFF),
    },
    "orders.past_ship_by": {
        "mail_seller": Listener("cancellations.notices.mail_warning", STAFF),
    },
    "orders.cancelled_soon": {
        "mail_seller": Listener("cancellations.notices.mail_warning", STAFF),
    },
    "order.cancelled": {
        "mail_seller": Listener("cancellations.notices.mail_seller", STAFF),
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
        "release_authorization": Listener("payments.notices.release_authorization"),
        "refund": Listener("payments.notices.refund"),
        "look_at_rate": Listener("metrics.notices.look_again"),
        "push": Listener("spapi.messages.order_change", SUBSCRIBERS),
    },
    "rate.worsened": {
        "mail_seller": Listener("metrics.notices.mail_worsening", STAFF),
        "push": Listener("spapi.messages.metric_state_changed", SUBSCRIBERS),
    },
    "rate.improved": {
        "push": Listener("spapi.messages.metric_state_changed", SUBSCRIBERS),
    },
    "feed.finished": {
        "mail_person": Listener("feeds.notices.mail_finished", PERSON),
        "push": Listener("spapi.messages.feed_finished", SUBSCRIBERS),
    },
    "report.finished": {
        "push": Listener("spapi.messages.report_finished", SUBSCRIBERS),
    },
    "dispute.opened": {},
    "dispute.decided": {
        "mail_seller": Listener("metrics.notices.mail_decision", STAFF),
    },
    "shipment.confirmed": {
        "mail_buyer": Listener("shipments.notices.mail_buyer", BUYER),
        "charge": Listener("payments.notices.charge"),
        "push": Listener("spapi.messages.order_change", SUBSCRIBERS),
    },
}
