# Two stages: the first installs, the second holds only what runs.
#
#   docker build -t vitrine .                                      the torch that pip finds by itself (CUDA on Linux x86)
#   docker build -t vitrine --build-arg TORCH=torch==2.13.0+cpu \
#                --build-arg PIP_EXTRA_INDEX_URL=<index of CPU wheels> .     a smaller image for machines without a GPU
#   docker build -t vitrine-ray --build-arg LOCK=deploy/ray/requirements.lock .      with Ray Serve (docs/scale.md)

ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS build
ARG TORCH=torch==2.13.0
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
# No pip inside: the image that runs has nothing to install packages with, and pip here can aim at the environment.
RUN python -m venv --without-pip /opt/venv
WORKDIR /srv/vitrine
# The same three steps as `make install`; torch first and alone, as its layer is the largest and changes least.
ARG LOCK=requirements.lock
COPY ${LOCK} ./requirements.lock
RUN pip --python /opt/venv/bin/python install --quiet "${TORCH}" --constraint requirements.lock
RUN pip --python /opt/venv/bin/python install --quiet --no-deps --requirement requirements.lock
# For traces: OTEL="opentelemetry-sdk opentelemetry-exporter-otlp-proto-http".
ARG OTEL
RUN [ -z "${OTEL}" ] || pip --python /opt/venv/bin/python install --quiet ${OTEL} --constraint requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY models models
COPY app app
RUN pip --python /opt/venv/bin/python install --quiet --no-deps --editable . \
    && /opt/venv/bin/python -m compileall -q app models

FROM ${PYTHON}
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin vitrine \
    && install --directory --owner=vitrine --group=vitrine /store
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/vitrine /srv/vitrine
COPY deploy/docker/healthcheck.py /srv/vitrine/
# HOME and caches point at /tmp, the one place besides the store that is writable on a read-only root filesystem.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VITRINE_HOST=0.0.0.0 \
    VITRINE_PORT=8000 \
    VITRINE_STORE=/store
USER 10001:10001
WORKDIR /srv/vitrine
VOLUME /store
EXPOSE 8000
# A first start may train the demo models, which takes a minute or two.
HEALTHCHECK --interval=5s --timeout=6s --start-period=240s --retries=3 CMD ["python", "healthcheck.py"]
CMD ["vitrine", "serve"]
