"""The wiring: settings, addresses, the Celery application and its timetable. No rules live here.

Nothing is imported on purpose: `sellercentral.bootstrap` runs before any package is installed.
"""
