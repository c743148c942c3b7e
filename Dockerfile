# syntax=docker/dockerfile:1
# The daemon alone, as an unprivileged user, on a root file system that may be read-only:
#   docker run --read-only --tmpfs /tmp -v monitor-state:/var/lib/callcenter-monitor \
#     -v /etc/callcenter-monitor:/etc/callcenter-monitor:ro -p 9108:9108 callcenter-monitor
# PYTHONOPTIMIZE stays unset: assertions guard the figures in production, too.

FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY monitor monitor
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim
# The mount carries the wheels in and leaves no layer behind.
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels callcenter-monitor \
    && useradd --system --uid 10108 --home-dir /var/lib/callcenter-monitor --create-home \
       --shell /usr/sbin/nologin callcenter-monitor

# Asks from inside the container, where no credentials are needed. A certificate names the host and
# not loopback, so it is not checked here.
COPY <<'PROBE' /usr/local/lib/callcenter-monitor/ready.py
import http.client
import os
import ssl
import sys

host, port = os.environ.get("CALLCENTER_MONITOR_PROBE", "127.0.0.1:9108").rsplit(":", 1)
plain = http.client.HTTPConnection(host, int(port), timeout=4)
unchecked = ssl._create_unverified_context()
tls = http.client.HTTPSConnection(host, int(port), timeout=4, context=unchecked)
for connection in (plain, tls):
    try:
        connection.request("GET", "/-/ready")
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as fault:
        print(fault)
        continue
    print(answer.read().decode().strip())
    sys.exit(0 if answer.status == 200 else 1)
sys.exit(1)
PROBE

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10108:10108
VOLUME /var/lib/callcenter-monitor
EXPOSE 9108
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
  CMD ["python", "/usr/local/lib/callcenter-monitor/ready.py"]
ENTRYPOINT ["callcenter-monitor"]
CMD ["run"]
