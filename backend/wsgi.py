"""The Flask service for a WSGI server of one's own; importing it does nothing.

`normalcy web` serves the same application by waitress. Elsewhere name the factory, for instance
`gunicorn "backend.wsgi:create_app_from_environment()"`. Without a token the service answers only
requests addressed to localhost, whatever the server listens on.
"""

import os

from flask import Flask

from backend.bootstrap import bootstrap
from backend.executors.logs import log_to_stderr
from backend.settings import load
from backend.settings.rereading import load_to_run
from backend.web import create_app


def create_app_from_environment() -> Flask:
    """The service as environment variables and normalcy.yaml configure it.

    Raises:
        ConfigurationError: something in them is wrong.
    """
    settings = load_to_run(os.environ)
    log_to_stderr(form=settings.log_form, secrets=settings.secrets)
    return create_app(bootstrap(settings, reread=lambda: load(os.environ)))
