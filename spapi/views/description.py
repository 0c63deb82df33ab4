"""The description of this door, for programs and for people who write them."""

from itertools import groupby

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import frame_of
from spapi.description import TAGS, document, operations


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document."""
    return JsonResponse(document(settings.SITE_URL), json_dumps_params={"ensure_ascii": False})


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """The same for reading: what there is, where, what it needs, what it is asked with."""
    order = list(TAGS.values())
    known = sorted(operations(), key=lambda each: order.index(each.tag))
    groups = [(tag, list(found)) for tag, found in groupby(known, key=lambda each: each.tag)]
    return render(request, "spapi/reference.html", {"frame": frame_of(request), "groups": groups})
