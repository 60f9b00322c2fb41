# Three images: flower, sandbox (the sandbox endpoint) and, by default, worker.
# Each has Python, a virtual environment from its lock with the wheels of client and worker,
# and a user without rights; the build tools stay in earlier stages.

FROM python:3.11-slim-bookworm AS base
ENV PATH=/opt/facelift/bin:$PATH
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin facelift

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv --without-pip /opt/facelift

FROM build AS wheel
COPY requirements/build.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary=:all: --requirement build.lock
COPY pyproject.toml README.md LICENSE ./
COPY client client
COPY tasks tasks
COPY worker worker
COPY monitor monitor
COPY sandbox sandbox
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist ./client .

FROM build AS flower-venv
# Flower reads the ledger; its lock has none of the worker's dependencies.
COPY requirements/flower.lock ./
RUN pip --python /opt/facelift install --require-hashes --only-binary=:all: \
        --requirement flower.lock
COPY --from=wheel /dist /dist
RUN pip --python /opt/facelift install --no-index --no-deps /dist/*.whl

FROM base AS flower
# A new volume takes the owner of the folder it is mounted on.
RUN install --directory --owner=facelift --group=facelift /data
COPY --from=flower-venv /opt/facelift /opt/facelift
COPY deploy/flower/flowerconfig.py /etc/facelift/flowerconfig.py
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 5555
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; \
urlopen('http://127.0.0.1:5555/healthcheck', timeout=4)"]
CMD ["celery", "--app=monitor.app", "flower", "--conf=/etc/facelift/flowerconfig.py", \
    "--port=5555", "--persistent=True", "--db=/data/flower.db", \
    "--state_save_interval=60000", "--purge_offline_workers=3600"]


FROM build AS sandbox-venv
COPY requirements/sandbox.lock ./
RUN pip --python /opt/facelift install --require-hashes --only-binary=:all: \
        --requirement sandbox.lock
COPY --from=wheel /dist /dist
RUN pip --python /opt/facelift install --no-index --no-deps /dist/*.whl

FROM base AS sandbox
COPY --from=sandbox-venv /opt/facelift /opt/facelift
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 8800
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; \
urlopen('http://127.0.0.1:8800/_sandbox/health', timeout=4)"]
CMD ["facelift", "endpoint", "--host=0.0.0.0"]


FROM build AS worker-venv
COPY requirements/worker.lock ./
RUN pip --python /opt/facelift install --require-hashes --only-binary=:all: \
        --requirement worker.lock
COPY --from=wheel /dist /dist
RUN pip --python /opt/facelift install --no-index --no-deps /dist/*.whl

FROM base AS worker
COPY --from=worker-venv /opt/facelift /opt/facelift
USER 10001:10001
STOPSIGNAL SIGTERM
# Healthy means consuming: within the last 20 s each of its processes reported that it polls
# Redis for jobs, or that all its slots are busy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["facelift", "health"]
CMD ["facelift", "worker"]
