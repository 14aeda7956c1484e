# Monitoring: metrics and a page for the objects of one namespace.
#
# `make images` puts already compiled binaries in the place of stage `build` (a build context of that name), so that
# the image holds the very file that the tests ran. Without it the stage compiles from the checkout:
#   docker build --file deployment/docker/monitoring.Dockerfile .
ARG RUST=docker.io/library/rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
FROM ${RUST} AS build
# The image's own toolchain, not the one that rust-toolchain.toml would download.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN PATH="$(deployment/cargo-tool.sh cargo-auditable):$PATH" \
    cargo auditable build --release --locked --package ats-monitoring --bin monitoring --target-dir /target \
    && install -D --strip /target/*/release/monitoring /out/monitoring \
    && install -D --mode=644 /etc/ssl/certs/ca-certificates.crt /out/ca-certificates.crt

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ats/monitoring" \
      org.opencontainers.image.description="Monitoring: metrics and a page for the objects of one namespace" \
      org.opencontainers.image.source="https://github.com/ats-dev/ats" \
      org.opencontainers.image.documentation="https://github.com/ats-dev/ats/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/monitoring /monitoring
USER 65532:65532
EXPOSE 9090 3000
ENTRYPOINT ["/monitoring"]
