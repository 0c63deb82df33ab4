# The few verbs of the project, beside `python3 manage.py portal` and `python3 manage.py test`.

PYTHON := .venv/bin/python
TOOLS := .venv/bin

# What `check --deploy` looks at: a portal as it runs for real. None of these leads anywhere.
PRODUCTION := DEMO=off DEBUG=off \
	SECRET_KEY=only-for-the-check-k7Wq0ZpX4vN9sRt2LmYb8HcJd5FgAe1UiOoQzVx \
	ALLOWED_HOSTS=portal.example SITE_URL=https://portal.example \
	DATABASE_URL=postgresql://portal@db.example/portal REDIS_URL=redis://cache.example/0 \
	EMAIL_URL=smtps://portal:secret@mail.example \
	PAYMENT_PROVIDER=stripe STRIPE_SECRET_KEY=sk_only_for_the_check STRIPE_WEBHOOK_SECRET=whsec_only_for_the_check

.PHONY: bench faults help lint lock screenshots setup tidy

help:
	@echo "make lint          style, types, templates, layers, migrations, production settings"
	@echo "make tidy          put style right where a tool can"
	@echo "make bench         measure the portal beside bare SQL; results in bench/results/"
	@echo "make faults        lost servers, killed processes, storms of many rounds; ROUNDS=200 by default"
	@echo "make screenshots   take the pictures of README and help pages anew"
	@echo "make lock          pin what requirements.in and tests/requirements.in ask for"

setup:
	@python3 -m sellercentral.bootstrap tests

lint: setup
	$(TOOLS)/ruff format --check .
	$(TOOLS)/ruff check .
	DEMO=on PORTAL_TEST_CHILD=on $(TOOLS)/mypy
	$(TOOLS)/djlint --lint --quiet templates
	$(TOOLS)/lint-imports
	python3 manage.py makemigrations --check --dry-run
	$(PRODUCTION) python3 manage.py check --deploy --fail-level WARNING

tidy: setup
	$(TOOLS)/ruff format .
	$(TOOLS)/ruff check --fix .

bench: setup
	$(PYTHON) -m bench

# What an ordinary run does briefly, done at length: every fault, every race many times over, whole journeys.
ROUNDS ?= 200

faults: setup
	STORM_ROUNDS=$(ROUNDS) python3 manage.py test tests/faults tests/races tests/journeys tests/invariants \
		tests/spapi/test_description.py -q

screenshots: setup
	PICTURES=keep python3 manage.py test tests/browser/test_pictures.py -q

# Universal and for the oldest Python that we support, so that one file serves every machine.
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/uv pip compile --quiet --system-certs --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url $(UPGRADE)

# `make lock UPGRADE=--upgrade` takes the newest versions that the ranges allow.
lock: setup
	$(COMPILE) requirements.in -o requirements.txt
	$(COMPILE) tests/requirements.in -c requirements.txt -o tests/requirements.txt
