"""The web: Grafana's datasource, the REST interface, the pages. The only room that knows Flask."""

from backend.web.factory import create_app

__all__ = ["create_app"]
