"""Addresses of ファイルのアップロード."""

from django.urls import path

from .views import upload

seller = [
    path("feeds/", upload.feeds, name="feeds"),
    path("feeds/template/<str:kind>/", upload.template, name="feed-template"),
    path("feeds/<int:feed_id>/", upload.feed, name="feed"),
    path("feeds/<int:feed_id>/result/", upload.result, name="feed-result"),
]
