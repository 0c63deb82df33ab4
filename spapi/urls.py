"""Addresses of the partner API, at the root: clients put nothing but a host before them (architecture 3)."""

from django.urls import path

from .views import documents, feeds, orders, reports, sellers, tokens

ORDER = "orders/v0/orders/<str:number>"

urlpatterns = [
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
    path("feeds/2021-06-30/feeds", feeds.feeds, name="feeds"),
    path("feeds/2021-06-30/feeds/<str:feed_id>", feeds.feed, name="feed"),
    path("feeds/2021-06-30/documents", feeds.documents, name="feed-documents"),
    path("feeds/2021-06-30/documents/<str:document_id>", feeds.document, name="feed-document"),
    path("reports/2021-06-30/reports", reports.reports, name="reports"),
    path("reports/2021-06-30/reports/<str:report_id>", reports.report, name="report"),
    path("reports/2021-06-30/documents/<str:document_id>", reports.document, name="report-document"),
    path("documents/<str:name>", documents.document, name="document"),
    path("sellers/v1/marketplaceParticipations", sellers.participations, name="participations"),
    path("sellers/v1/account", sellers.account, name="account"),
]
