#!/usr/bin/env python3
"""The portal's command line. Needs nothing but Python 3.11: it sets up the rest on its first run."""

import importlib
import os
import sys

# These start or choose their servers themselves, before the settings are read.
OWN_START = {"portal", "test"}


def main() -> None:
    """Enter the environment, make sure that PostgreSQL and Valkey answer, run the command."""
    if sys.version_info < (3, 11):
        sys.exit("The portal needs Python 3.11 or newer; this is Python %d.%d." % sys.version_info[:2])

    from sellercentral import bootstrap

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    bootstrap.enter(tests=command == "test")

    if command in OWN_START:
        module = importlib.import_module("sellercentral.management.commands." + command)
        module.Command().run_from_argv(sys.argv)
        return

    from sellercentral import services

    bootstrap.read_env_file()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sellercentral.settings")
    services.ensure_for_command(command)

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
