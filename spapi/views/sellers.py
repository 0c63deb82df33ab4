"""Sellers v1: where the shop sells, and what it is called (sp-api 10)."""

from typing import Any

from accounts.queries import seller_by_id
from spapi import shapes
from spapi.door import Call, by_method, operation


def _participations(name: str) -> list[dict[str, Any]]:
    return [
        {
            "marketplace": shapes.MARKETPLACE,
            "participation": {"isParticipating": True, "hasSuspendedListings": False},
            "storeName": name,
        }
    ]


@operation("getMarketplaceParticipations", rate=0.016, burst=15, scope=None)
def get_marketplace_participations(call: Call) -> dict[str, Any]:
    """The marketplaces of the shop: this one."""
    return {"payload": _participations(seller_by_id(call.seller_id).name)}


@operation("getAccount", rate=0.016, burst=15, scope=None)
def get_account(call: Call) -> dict[str, Any]:
    """The shop's account."""
    name = seller_by_id(call.seller_id).name
    address = {"addressLine1": "", "countryCode": "JP"}
    return {
        "payload": {
            "marketplaceParticipationList": _participations(name),
            "businessType": "INDIVIDUAL",
            "sellingPlan": "PROFESSIONAL",
            "business": {"name": name, "registeredBusinessAddress": address},
            "primaryContact": {"name": name, "address": address},
        }
    }


participations = by_method(get=get_marketplace_participations)
account = by_method(get=get_account)
