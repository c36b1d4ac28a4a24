"""The only room that knows Grafana's HTTP API and its files."""
