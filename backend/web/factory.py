"""The Flask application: guards, errors, and the parts that answer."""

from importlib.metadata import version

from flask_compress import Compress
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI

from backend.web import api, errors, security, sessions, texts, tracing, who
from backend.web.answers import StrictJson
from backend.web.api.blueprints import SCHEMES
from backend.web.api.rows import ProblemAnswer
from backend.web.application import EXTENSION, Application
from backend.web.chart_script import address as chart_script_address
from backend.web.chart_script import chart_script
from backend.web.datasource import datasource
from backend.web.health import health
from backend.web.hooks import hooks
from backend.web.label_pages import label_pages, said
from backend.web.metrics import metrics
from backend.web.numbers import RecordNumber
from backend.web.pages import BLUEPRINTS, navigation
from backend.web.pages.preferences import register as register_preferences
from backend.web.places import this_path
from backend.web.proxies import TrustedProxies
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
    app.url_map.converters["int"] = RecordNumber
    app.extensions[EXTENSION] = application
    tracing.register(app)
    app.before_request(application.reconfiguring.look)
    web = application.settings.web
    proxied = TrustedProxies(app.wsgi_app, web.trusted_proxies)
    app.wsgi_app = proxied  # type: ignore[method-assign]
    sessions.register(app, application.session_key(), web.url, web.port)
    security.register(app)
    errors.register(app)
    register_times(app, application.clock)
    texts.register(app)
    register_preferences(app)
    navigation.register(app)
    app.add_template_global(who.person)
    app.add_template_global(this_path)
    app.add_template_global(chart_script_address, "chart_script")
    app.config["COMPRESS_STREAMS"] = False  # it leaves the files open that it reads
    Compress(app)
    api.register(app)
    app.register_api(sync_api)
    for blueprint in (
        chart_script,
        datasource,
        health,
        hooks,
        label_pages,
        metrics,
        said,
        sync_hook,
        *BLUEPRINTS,
    ):
        app.register_blueprint(blueprint)
    return app
