"""What a web server imports: `granian --interface wsgi sellercentral.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sellercentral.settings")
os.environ.setdefault("PORTAL_PROCESS", "web")

application = get_wsgi_application()
