"""Sellers 2011-07-01: where the shop sells (mws 1)."""

from django.conf import settings

from accounts.queries import seller_by_id
from mws.documents import Part
from mws.door import Call
from spapi.shapes import MARKETPLACE

# This wire's names of the marketplace's parts, by the later one's.
NAMES = {
    "id": "MarketplaceId",
    "name": "Name",
    "countryCode": "DefaultCountryCode",
    "defaultCurrencyCode": "DefaultCurrencyCode",
    "defaultLanguageCode": "DefaultLanguageCode",
    "domainName": "DomainName",
}


def marketplace_participations(call: Call) -> list[Part]:
    """Where the shop sells: here."""
    participation = [
        ("MarketplaceId", settings.MARKETPLACE_ID),
        ("SellerId", seller_by_id(call.seller_id).merchant_id),
        ("HasSellerSuspendedListings", "No"),
    ]
    return [
        ("ListParticipations", [("Participation", participation)]),
        ("ListMarketplaces", [("Marketplace", [(NAMES[name], value) for name, value in MARKETPLACE.items()])]),
    ]
