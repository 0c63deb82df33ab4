"""Addresses of signing in and out, of the language, and of a person's own settings."""

from django.urls import path

from .views import colleagues, consent, developers, passwords, preferences, second_factor, signing_in

urlpatterns = [
    path("login/", signing_in.login, name="login"),
    path("login/second-factor/", second_factor.ask, name="second-factor"),
    path("second-factor/", second_factor.set_up, name="second-factor-set-up"),
    path("login/password/", passwords.forgotten, name="password-forgotten"),
    path("login/password/new/", passwords.new, name="password-new"),
    path("login/password/<str:link>/", passwords.follow_link, name="password-link"),
    path("logout/", signing_in.logout, name="logout"),
    path("apps/authorize/consent", consent.ask, name="consent"),
    path("language/", signing_in.language, name="language"),
]
seller = [
    path("settings/", preferences.settings_of_seller, name="settings"),
    path("settings/people/", colleagues.people, name="people"),
    path("settings/developer/", developers.developer, name="developer"),
    path("settings/developer/<int:application_id>/", developers.application, name="application"),
    path("settings/developer/<int:application_id>/redirects/", developers.redirects, name="redirects"),
    path("settings/developer/<int:application_id>/end/", developers.application_end, name="application-end"),
    path(
        "settings/developer/<int:application_id>/keys/<int:credential_id>/end/",
        developers.keys_end,
        name="keys-end",
    ),
    path("settings/notifications/", preferences.notifications, name="notifications"),
]
buyer = [
    path("preferences/", preferences.preferences_of_buyer, name="preferences"),
]
