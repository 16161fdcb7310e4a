# A static binary, the authorities of the public web, time zones, and nothing else: no shell, no root.
#
#   docker build -t sluice --build-arg VERSION="$(git describe --tags --always)" --build-arg REVISION="$(git rev-parse HEAD)" .
#   docker run -p 8080:8080 -v ./sluice.yaml:/etc/sluice/sluice.yaml:ro sluice

# Not the least Go that go.mod takes: one whose HTTP/2 server has no hole that is known.
FROM golang:1.27.3-bookworm AS build
WORKDIR /src
# Modules first: they change seldom, so this layer is mostly taken from the cache.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The builder isn't sent the repository's history, so it is told what it builds.
ARG VERSION=
ARG REVISION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X sluice/cmd/internal/build.linkedVersion=$VERSION -X sluice/cmd/internal/build.linkedRevision=$REVISION" -o /sluice ./cmd/sluice

FROM scratch
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="Hands events from Kafka to the browsers of the user they belong to" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
ENV ZONEINFO=/zoneinfo.zip
COPY --from=build /sluice /sluice

# A number, not a name: Kubernetes' runAsNonRoot can't look names up in an image without /etc/passwd.
USER 65532:65532

# `serve` reads sluice.yaml here, and file names in it (ca.pem) are relative to here.
WORKDIR /etc/sluice

# Browsers. The admin address (health, metrics) is 127.0.0.1:9090 unless `admin:` says otherwise, so it is
# not exposed. For the same reason, and because there is no shell nor HTTP client to run in here,
# there is no HEALTHCHECK: set admin to 0.0.0.0:9090 on a network that the public can't
# reach, and let the orchestrator ask /livez and /readyz (deploy/kubernetes shows it).
EXPOSE 8080

ENTRYPOINT ["/sluice"]
CMD ["serve"]
