# One image for gateway and broker: the command chooses. Three stages, so that the last one holds
# neither compiler nor Node.
#
#   docker build -t banter .

ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${NODE_IMAGE} AS assets
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web ./
# The web client stands on the JavaScript client's sources.
COPY clients/js /src/clients/js
# A page is made from it.
COPY docs/WEBSOCKET.md /src/docs/
RUN npm run build

FROM ${DEBIAN_IMAGE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev make pkg-config libevent-dev \
      libzmq3-dev libjansson-dev libmariadb-dev libssl-dev libscrypt-dev libcrypt-dev zlib1g-dev \
      libseccomp-dev libutf8proc-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile ./
COPY db db
COPY src src
RUN make -j"$(nproc)" bin

FROM ${DEBIAN_IMAGE} AS run
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl libevent-2.1-7 \
      libevent-pthreads-2.1-7 libzmq5 libjansson4 libmariadb3 libssl3 libscrypt0 libcrypt1 zlib1g \
      libseccomp2 libutf8proc2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home banter \
 && install -d -o banter -g banter -m 700 /run/banter /keys/broker /keys/gateway
COPY --from=build /src/build/release/bin/ /usr/local/bin/
COPY --from=assets /src/build/assets/ /usr/local/share/banter/assets/
ENV BANTER_RUN_DIR=/run/banter \
    BANTER_ASSETS_DIR=/usr/local/share/banter/assets
USER banter
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive, not ready: a gateway whose database is away must not be restarted for it.
HEALTHCHECK --interval=5s --timeout=3s --retries=6 --start-period=10s \
  CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8000/health"]
CMD ["banter-gateway"]
