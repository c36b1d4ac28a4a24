# syntax=docker/dockerfile:1
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY backend backend
COPY jobs jobs
COPY grafana_dashboards grafana_dashboards
# The lock file as constraint: its versions and hashes, without the developers' tools in it.
RUN uv venv /opt/normalcy --python /usr/local/bin/python \
    && uv pip install --no-cache --python /opt/normalcy/bin/python \
        --constraint requirements.lock ".[postgres,cluster]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/normalcy --create-home normalcy
COPY --from=build /opt/normalcy /opt/normalcy
ENV PATH=/opt/normalcy/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NORMALCY_HOME=/var/lib/normalcy \
    NORMALCY_HOST=0.0.0.0 \
    NORMALCY_PORT=8087
USER normalcy
WORKDIR /var/lib/normalcy
VOLUME /var/lib/normalcy
EXPOSE 8087
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['NORMALCY_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["normalcy"]
CMD ["up"]
