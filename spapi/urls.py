"""Addresses of the partner API, at the root: clients put nothing but a host before them (architecture 3)."""

from django.urls import path, re_path

from .door import nowhere
from .views import (
    cancellations,
    description,
    documents,
    feeds,
    later_orders,
    messaging,
    notifications,
    orders,
    reports,
    sellers,
    tokens,
    webhooks,
)

ORDER = "orders/v0/orders/<str:number>"
# What the original interface lacks (domain 14.7).
OWN = "cancellations/v1"
MESSAGING = "messaging/v1/orders/<str:number>"
TOLD = "notifications/v1"
WEBHOOK = "settings/webhooks/<int:webhook_id>"

urlpatterns = [
    path("api/", description.reference, name="reference"),
    path("api/openapi.json", description.openapi, name="openapi"),
    path("auth/o2/token", tokens.token, name="token"),
    path("tokens/2021-03-01/restrictedDataToken", tokens.restricted_data_token, name="restricted-data-token"),
    path("orders/v0/orders", orders.orders, name="orders"),
    path(ORDER, orders.order, name="order"),
    path(f"{ORDER}/buyerInfo", orders.buyer_info, name="order-buyer-info"),
    path(f"{ORDER}/address", orders.address, name="order-address"),
    path(f"{ORDER}/orderItems", orders.items, name="order-items"),
    path(f"{ORDER}/orderItems/buyerInfo", orders.items_buyer_info, name="order-items-buyer-info"),
    path(f"{ORDER}/shipment", orders.shipment, name="order-shipment"),
    path(f"{ORDER}/shipmentConfirmation", orders.shipment_confirmation, name="order-shipment-confirmation"),
    path("orders/2026-01-01/orders", later_orders.orders, name="search-orders"),
    path("orders/2026-01-01/orders/<str:number>", later_orders.order, name="later-order"),
    path("feeds/2021-06-30/feeds", feeds.feeds, name="feeds"),
    path("feeds/2021-06-30/feeds/<str:feed_id>", feeds.feed, name="feed"),
    path("feeds/2021-06-30/documents", feeds.documents, name="feed-documents"),
    path("feeds/2021-06-30/documents/<str:document_id>", feeds.document, name="feed-document"),
    path("reports/2021-06-30/reports", reports.reports, name="reports"),
    path("reports/2021-06-30/reports/<str:report_id>", reports.report, name="report"),
    path("reports/2021-06-30/schedules", reports.schedules, name="report-schedules"),
    path("reports/2021-06-30/schedules/<str:schedule_id>", reports.schedule, name="report-schedule"),
    path("reports/2021-06-30/documents/<str:document_id>", reports.document, name="report-document"),
    path("documents/<str:name>", documents.document, name="document"),
    path(f"{OWN}/orders/<str:number>/cancellations", cancellations.order_cancellations, name="cancel-order"),
    path(f"{OWN}/orders/<str:number>/eligibility", cancellations.eligibility, name="eligibility"),
    path(f"{OWN}/requests", cancellations.requests, name="requests"),
    path(f"{OWN}/requests/<str:request_id>", cancellations.request, name="request"),
    path(f"{OWN}/requests/<str:request_id>/approval", cancellations.approval, name="approve-request"),
    path(f"{OWN}/requests/<str:request_id>/decline", cancellations.declining, name="decline-request"),
    path(f"{OWN}/rate", cancellations.rate, name="rate"),
    path(MESSAGING, messaging.actions, name="messaging-actions"),
    path(f"{MESSAGING}/attributes", messaging.attributes, name="messaging-attributes"),
    *(
        path(f"{MESSAGING}/messages/{action}", view, name=f"message-{action}")
        for action, view in messaging.messages.items()
    ),
    path(f"{TOLD}/destinations", notifications.destinations, name="destinations"),
    path(f"{TOLD}/destinations/<str:destination_id>", notifications.destination, name="destination"),
    path(f"{TOLD}/subscriptions", notifications.subscriptions, name="subscriptions"),
    path(f"{TOLD}/subscriptions/<str:notification_type>", notifications.subscription, name="subscription"),
    path(
        f"{TOLD}/subscriptions/<str:notification_type>/<str:subscription_id>",
        notifications.subscription_by_id,
        name="subscription-by-id",
    ),
    path("sellers/v1/marketplaceParticipations", sellers.participations, name="participations"),
    path("sellers/v1/account", sellers.account, name="account"),
    re_path(
        r"^(?:orders|feeds|reports|tokens|sellers|cancellations|notifications|messaging)/", nowhere, name="nowhere"
    ),
]
seller = [
    path("settings/webhooks/", webhooks.webhooks, name="webhooks"),
    path(f"{WEBHOOK}/", webhooks.webhook, name="webhook"),
    path(f"{WEBHOOK}/secret/", webhooks.secret, name="webhook-secret"),
    path(f"{WEBHOOK}/end/", webhooks.end, name="webhook-end"),
    path(f"{WEBHOOK}/messages/<int:message_id>/again/", webhooks.again, name="webhook-again"),
]
