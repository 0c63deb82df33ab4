"""Addresses of a shop's performance: health, rate, disputes; and the rate's help page."""

from django.urls import path

from .views import disputes, rates

seller = [
    path("performance/", rates.health, name="performance"),
    path("performance/cancellation-rate/", rates.rate, name="rate"),
    path("performance/cancellation-rate/download/", rates.download, name="rate-download"),
    path("performance/disputes/", disputes.disputes, name="disputes"),
    path("performance/disputes/new/<int:cancellation_id>/", disputes.contest_record, name="dispute-new"),
    path("performance/disputes/<int:dispute_id>/", disputes.dispute, name="dispute"),
    path("performance/disputes/<int:dispute_id>/files/<int:file_id>/", disputes.file, name="dispute-file"),
]
help_pages = [path("cancellation-rate/", rates.explained, name="rate")]
