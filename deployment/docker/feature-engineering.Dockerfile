# Feature engineering: features, selection and the published dataset.
#
# `make images` puts already compiled binaries in the place of stage `build` (a build context of that name), so that
# the image holds the very file that the tests ran. Without it the stage compiles from the checkout:
#   docker build --file deployment/docker/feature-engineering.Dockerfile .
ARG RUST=docker.io/library/rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
FROM ${RUST} AS build
# The image's own toolchain, not the one that rust-toolchain.toml would download.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN PATH="$(deployment/cargo-tool.sh cargo-auditable):$PATH" \
    cargo auditable build --release --locked --package ats-feature-engineering --bin feature-engineering --target-dir /target \
    && install -D --strip /target/*/release/feature-engineering /out/feature-engineering \
    && install -D --mode=644 /etc/ssl/certs/ca-certificates.crt /out/ca-certificates.crt

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ats/feature-engineering" \
      org.opencontainers.image.description="Feature engineering: features, selection and the published dataset" \
      org.opencontainers.image.source="https://github.com/ats-dev/ats" \
      org.opencontainers.image.documentation="https://github.com/ats-dev/ats/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/feature-engineering /feature-engineering
USER 65532:65532
EXPOSE 9090
ENTRYPOINT ["/feature-engineering"]
