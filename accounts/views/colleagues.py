"""Who works for a shop: its OWNERs see everybody, and change or end the role of those who own nothing."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import queries
from accounts.access import ShopRequest, hear_own_password, owner_page, seller_of
from accounts.forms import ColleagueForm
from accounts.roles import change_role
from accounts.wording import REMOVE


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("own_password")
@owner_page
def people(request: ShopRequest) -> HttpResponse:
    """店舗のメンバー: roles of the shop's people; new ones are registered by the marketplace."""
    members = queries.people_of(request.membership.seller_id)
    colleagues = [(each.user_id, each.user.name) for each in members if not each.is_owner]
    form = ColleagueForm(request.POST if request.method == "POST" else None, people=colleagues)
    if form.is_bound and form.is_valid():
        try:
            hear_own_password(request, form.cleaned_data["own_password"], now=timezone.now())
        except ValidationError as error:
            form.add_error("own_password", error)
        else:
            role = form.cleaned_data["role"]
            is_changed = change_role(
                seller_id=request.membership.seller_id,
                user_id=form.cleaned_data["person"],
                role="" if role == REMOVE else role,
                by=seller_of(request),
                now=timezone.now(),
                address=request.META["REMOTE_ADDR"],
            )
            if is_changed:
                messages.success(request, _("設定を保存しました。"))
            else:
                messages.info(request, _("変更はありませんでした。"))
            return redirect("seller:people")
    context = {"here": "settings", "form": form, "members": members, "has_colleagues": bool(colleagues)}
    return render(request, "accounts/seller_people.html", context)
