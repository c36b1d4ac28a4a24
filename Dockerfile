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
# Both parts, as `up` runs them; a container that runs one of them asks for that one. A large record
# store may have to be changed at the first start of a new release.
HEALTHCHECK --interval=30s --timeout=10s --start-period=330s CMD ["normalcy", "healthy"]
ENTRYPOINT ["normalcy"]
CMD ["up"]
