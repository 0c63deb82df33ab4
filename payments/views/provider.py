"""The address that payment providers send their notices to; what is said there counts by its signature alone."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from payments.incoming import take_notice
from payments.providers import provider
from payments.providers.base import UnreadableNotice

# A notice is a few kilobytes; no provider sends more than this.
LONGEST = 256 * 1024
SIGNATURES = {"stripe": "Stripe-Signature", "test": "Test-Signature"}


@csrf_exempt
@require_POST
def notices(request: HttpRequest, name: str) -> HttpResponse:
    """Take one notice. The provider sends it again until it is answered with success."""
    if name not in SIGNATURES:
        raise Http404
    try:
        sender = provider(name)
    except KeyError as error:
        raise Http404 from error
    if len(request.body) > LONGEST:
        return JsonResponse({"error": "TOO_LARGE"}, status=413)
    try:
        notice = sender.read_notice(request.body, request.headers.get(SIGNATURES[name], ""))
    except UnreadableNotice:
        return JsonResponse({"error": "UNREADABLE_NOTICE"}, status=400)
    if notice is None:
        return JsonResponse({"state": "IGNORED"})
    return JsonResponse({"state": take_notice(notice, provider=name, now=timezone.now())})
