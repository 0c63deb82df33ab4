"""The same portal for an ASGI server. Its views are synchronous: WSGI serves them several times faster."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sellercentral.settings")
os.environ.setdefault("PORTAL_PROCESS", "web")

application = get_asgi_application()
