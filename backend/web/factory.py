"""The Flask application: guards, errors, and the parts that answer."""

from importlib.metadata import version

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from backend.web import api, errors, security
from backend.web.answers import StrictJson
from backend.web.api.blueprints import SCHEMES
from backend.web.api.rows import ProblemAnswer
from backend.web.application import EXTENSION, Application
from backend.web.datasource import datasource
from backend.web.health import health
from backend.web.hooks import hooks
from backend.web.label_pages import label_pages, said
from backend.web.pages import pages
from backend.web.sync_hook import sync_api, sync_hook
from backend.web.times import register as register_times


def create_app(application: Application) -> OpenAPI:
    """Assemble the web service around the use cases of an application."""
    app = OpenAPI(
        "backend.web",
        info=Info(title="normalcy", version=version("normalcy")),
        security_schemes=SCHEMES,
        validation_error_status=422,
        validation_error_model=ProblemAnswer,
        validation_error_callback=errors.invalid,
        doc_ui=False,
        static_folder="static",
        template_folder="templates",
    )
    app.json = StrictJson(app)
    app.extensions[EXTENSION] = application
    security.register(app, application.settings.web.token)
    errors.register(app)
    register_times(app, application.clock)
    api.register(app)
    app.register_api(sync_api)
    for blueprint in (datasource, health, hooks, label_pages, pages, said, sync_hook):
        app.register_blueprint(blueprint)
    return app
