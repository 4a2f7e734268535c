# The bot in a container: it reaches its mail hosts over the network and needs no privilege of its own.
#   docker build -t maildesk .
#   docker run --env-file .env maildesk

FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/maildesk
COPY pyproject.toml constraints.txt LICENSE README.md ./
COPY bot bot
COPY handlers handlers
RUN /opt/maildesk/bin/pip install --constraint constraints.txt '.[postgresql]'

FROM python:3.12-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/maildesk \
        --shell /usr/sbin/nologin maildesk \
    && install --directory --owner=maildesk --group=maildesk --mode=0700 /var/lib/maildesk
COPY --from=build /opt/maildesk /opt/maildesk
COPY deploy/healthcheck.py /opt/maildesk/healthcheck.py
ENV PATH=/opt/maildesk/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER maildesk
WORKDIR /var/lib/maildesk
VOLUME /var/lib/maildesk

# Exec form: the bot is the process that gets the signal, and it ends its work before it goes.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "/opt/maildesk/healthcheck.py"]
CMD ["maildesk", "run"]
