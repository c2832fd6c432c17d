# Two stages, so that the image contains no compiler and no package cache.
# To pin the base image, append the digest that `docker buildx imagetools inspect python:3.13-slim` shows to the name below,
# as in python:3.13-slim@sha256:…; Dependabot then updates tag and digest. It reads names in FROM, but not in ARG.
# For a single build: docker build --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:… (with compose.yaml: in .env).
ARG PYTHON_IMAGE=base
FROM python:3.13-slim AS base

FROM ${PYTHON_IMAGE} AS build
# `--build-arg LOCK=postgres` adds the driver that DATABASE_URL=postgresql://… needs.
ARG LOCK=run
COPY requirements/${LOCK}.lock /tmp/locked
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/locked

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin relay \
    && mkdir -p /app/data && chown relay:relay /app/data
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY bot.py app.py cli.py logs.py operator_commands.py ./
COPY cogs cogs
COPY discord_adapter discord_adapter
COPY model model
COPY pixverse pixverse
COPY relay relay
COPY settings settings
COPY storage storage
COPY ui ui
COPY web web
COPY deploy/healthcheck.py healthcheck.py
# Compiled once, here: the bot can't write to its folder, and compiling at each start costs time and memory.
RUN /opt/venv/bin/python -m compileall -q .
USER relay
VOLUME /app/data
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Reachable only from inside the container; HTTP_HOST=0.0.0.0 opens it to the container's network.
ENV HTTP_HOST=127.0.0.1 HTTP_PORT=8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["/opt/venv/bin/python", "healthcheck.py"]
# Docker sends SIGTERM; the bot ends within 10 s, with PostgreSQL within 28 s.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/venv/bin/python", "bot.py"]
