"""Who is told what: the whole reaction of the portal on one screen.

Event → listener name → what is called, and for whom. Every line becomes delivery rows in the transaction of the
act; a muted listener (an import sends no mail) is named by the act itself.
"""

from events.actions import BUYER, STAFF, Listener

SUBSCRIPTIONS = {
    "order.placed": {
        "reserve": Listener("payments.notices.reserve"),
    },
    "payment.verified": {},
    "order.held": {},
    "order.released": {},
    "order.extended": {},
    "cancellation.requested": {
        "mail_seller": Listener("cancellations.notices.mail_seller", STAFF),
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
    },
    "cancellation.withdrawn": {
        "mail_seller": Listener("cancellations.notices.mail_seller", STAFF),
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
    },
    "cancellation.declined": {
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
    },
    "order.cancelled": {
        "mail_seller": Listener("cancellations.notices.mail_seller", STAFF),
        "mail_buyer": Listener("cancellations.notices.mail_buyer", BUYER),
        "release_authorization": Listener("payments.notices.release_authorization"),
        "refund": Listener("payments.notices.refund"),
    },
    "shipment.confirmed": {
        "mail_buyer": Listener("shipments.notices.mail_buyer", BUYER),
        "charge": Listener("payments.notices.charge"),
    },
}
