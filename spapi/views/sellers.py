"""Sellers v1: where the shop sells, and what it is called (sp-api 10)."""

from typing import Any

from spapi import shapes
from spapi.door import Call, by_method, operation


def _participations(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "marketplace": shapes.MARKETPLACE,
            "participation": {"isParticipating": True, "hasSuspendedListings": False},
            "storeName": call.holder.credential.seller.name,
        }
    ]


@operation("getMarketplaceParticipations", rate=0.016, burst=15, scope=None)
def get_marketplace_participations(call: Call) -> dict[str, Any]:
    """The marketplaces of the shop: this one."""
    return {"payload": _participations(call)}


@operation("getAccount", rate=0.016, burst=15, scope=None)
def get_account(call: Call) -> dict[str, Any]:
    """The shop's account."""
    name = call.holder.credential.seller.name
    address = {"addressLine1": "", "countryCode": "JP"}
    return {
        "payload": {
            "marketplaceParticipationList": _participations(call),
            "businessType": "INDIVIDUAL",
            "sellingPlan": "PROFESSIONAL",
            "business": {"name": name, "registeredBusinessAddress": address},
            "primaryContact": {"name": name, "address": address},
        }
    }


participations = by_method(get=get_marketplace_participations)
account = by_method(get=get_account)
