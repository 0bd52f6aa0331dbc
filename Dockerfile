# The app in a container: as a user of its own, without compilers or pip. Not in here: any secret.
#   docker build -t smartapp .
# One image for all three roles; compose.yaml starts them. It serves plain http on port 8000 and
# belongs behind a proxy that ends TLS.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/smartapp
RUN python -m venv .venv
COPY requirements.txt .
RUN .venv/bin/pip install --require-hashes -r requirements.txt && .venv/bin/pip uninstall --yes pip
COPY manage.py ./
COPY smartapp smartapp
COPY templates templates
COPY static static
# The files of this version, in this image: each machine needs them. The secrets are of this
# command alone.
RUN SECRET_KEY=build ENCRYPTION_KEYS=YnVpbGQtb25seS1rZXktMDEyMzQ1Njc4OS1hYmNkZWY \
    PUBLIC_URL=https://app.example.org \
    .venv/bin/python manage.py collectstatic --noinput \
    && .venv/bin/python -m compileall -q smartapp

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /srv/smartapp --shell /usr/sbin/nologin smartapp
WORKDIR /srv/smartapp
COPY --from=build /srv/smartapp /srv/smartapp
# What the processes write: their counts for /metrics.
RUN install -d -o smartapp -g smartapp var/metrics
ENV PATH=/srv/smartapp/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BIND=0.0.0.0 PORT=8000
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=5)"]
# The `web` line of the Procfile.
CMD ["python", "-m", "smartapp.serve"]
