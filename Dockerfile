# One image for every service of a constellation: `docker compose up` builds it.
# The bases are arguments, so that it can be built from a private registry or from a base made by .ci/base-image.
ARG PYTHON_BASE=python:3.11-slim

FROM ${PYTHON_BASE} AS complete
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python3 -m venv /opt/lightlag
COPY pyproject.toml constraints.txt ./
RUN python3 -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needed.txt \
    && /opt/lightlag/bin/pip install -c constraints.txt -r needed.txt
COPY README.md LICENSE ./
COPY dtn dtn
COPY topology topology
COPY nodes nodes
COPY emulator emulator
RUN /opt/lightlag/bin/pip install --no-deps .

# Nodes and collector are given the contacts: what it takes to work them out stays here, and tests of packages.
FROM complete AS running
RUN /opt/lightlag/bin/pip uninstall -y -q scipy networkx skyfield jplephem sgp4 pip setuptools \
    && find /opt/lightlag -type d -name tests -prune -exec rm -rf {} +

# The contacts of the scenario, worked out once; a strategy of the user's lies beside it.
FROM complete AS contacts
ARG SCENARIO=scenarios/moonbase-alpha.toml
COPY scenarios scenarios
RUN mkdir /work && cp -r --parents "$(dirname "${SCENARIO}")" /work \
    && /opt/lightlag/bin/lightlag setup "${SCENARIO}" -o /opt/setup.json

FROM ${PYTHON_BASE}
ENV PATH=/opt/lightlag/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
COPY --from=running /opt/lightlag /opt/lightlag
COPY --from=contacts /opt/setup*.json /opt/
COPY --from=contacts /work /work
WORKDIR /work
# a volume that is new takes its owner from here
RUN install -d -o 10001 -g 10001 /var/lib/lightlag
USER 10001:10001
CMD ["lightlag", "--help"]
