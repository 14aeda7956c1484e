# `make help` lists everything. `make run` and `make test` do all the set-up that they need, and say so.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Tools that are built, images and other things that outlive a checkout.
export ATS_CACHE_DIR ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/ats
# Compiled code is shared between checkouts: the dependency tree takes minutes and is the same for all of them.
export CARGO_TARGET_DIR ?= $(ATS_CACHE_DIR)/build

# Every build selects from the whole workspace: cargo then switches on the same features of the dependencies each time,
# and one compiled tree serves `make run`, `make test` and the images. (`--package` would compile a tree of its own.)
BUILD := cargo build --locked --workspace

# Where binaries lie: every build names its target, see .cargo/config.toml.
BINARIES = $(CARGO_TARGET_DIR)/$(shell rustc -vV | sed -n 's/^host: //p')/debug
# For what is measured, and for images: PROFILE=release compiles a tree of its own, which takes a quarter of an hour.
PROFILE ?= dev
PROFILE_BINARIES = $(if $(filter dev,$(PROFILE)),$(BINARIES),$(dir $(BINARIES))$(PROFILE))

SAMPLES := config/samples/universe.yaml config/samples/models.yaml config/samples/strategies.yaml
ATS := $(BINARIES)/ats
IMAGES ?= $(CARGO_TARGET_DIR)/images

.PHONY: help
help: ## Lists the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

.PHONY: run
run: toolchain ## The quickstart: universe, models and strategies of config/samples, in one process, without a cluster.
	@echo '==> compiling ats (the first time takes some minutes: the dependency tree)' >&2
	@$(BUILD) --bin ats
	@$(ATS) run --file $(SAMPLES) --map /data=config/samples/data
	@$(ATS) report strategy/dip-buyer --output .ats/dip-buyer.html
	@$(ATS) report strategy/net-weekly --output .ats/net-weekly.html
	@echo && echo "Reports: $(CURDIR)/.ats/dip-buyer.html and $(CURDIR)/.ats/net-weekly.html"

.PHONY: test
test: toolchain cluster-tools delivery-tools argocd-tools references format lint build clippy drift policy ## Everything that proves the software: unit, property, integration and system tests.
	@echo '==> tests' && .ci/tests

# What `make test-all` is made of, in this order. `check` adds licences and use of the dependencies: tools that take
# minutes to compile, for what only a change of a Cargo.toml can break.
FULL := test check coverage reference-drift soak gate-proof bench-quick release-dry-run double-build

.PHONY: test-all
test-all: toolchain ## `make test`, `make check`, coverage, references made again, a soak, that the gate of speed sees what it should, each measurement once, a release that is not published, and that images are reproducible; the result goes to docs/delivery.md.
	@DELIVERY='$(DELIVERY)' .ci/test-all $(FULL)

.PHONY: soak
soak: toolchain cluster-tools argocd-tools build ## Fails when anything is written in ten minutes in which nothing changes, on a node with Argo CD; ATS_TEST_SOAK_SECONDS.
	@ATS_TEST_SOAK_SECONDS="$${ATS_TEST_SOAK_SECONDS:-600}" $(AS_ROOT) ATS_TEST_PREBUILT=1 cargo test --locked --workspace --test gitops -- --nocapture

.PHONY: coverage
coverage: toolchain control-plane-tools ledger-tools ## Fails when fewer lines run in the tests than .ci/coverage.json asks for; results in OUTPUT.
	@echo '==> coverage' && .ci/coverage

.PHONY: gate
gate: toolchain ## Fails when `ats run` of the samples is slower than where HEAD left BASE, with certainty.
	@tests/performance/gate.sh compare "$${BASE:?BASE is not set: a commit or a branch}"

.PHONY: gate-proof
gate-proof: build ## Fails when the gate of speed lets a planted slowdown through, or stops equal builds.
	@tests/performance/gate.sh proof

.PHONY: check
check: toolchain format lint build clippy drift policy deny unused ## What needs no test to be run: format, lints, generated files, dependencies.

.PHONY: references
references: ## Installs TA-Lib, pandas and others from PyPI, which numbers are compared with; nothing when they are there.
	@echo '==> references' && tests/python-packages.sh columns workloads/columns/tests/reference/requirements.txt >/dev/null

.PHONY: reference-drift
reference-drift: ## Fails when a reference is not what its script of Python gives, with its packages of PyPI; WRITE=1 writes it instead, ONLY=engine.py is one.
	@echo '==> reference drift' && tests/references.sh

.PHONY: build
build: toolchain ## Compiles everything, once, with the features that all members together ask for.
	@echo '==> build' && $(BUILD) --quiet --all-targets

.PHONY: toolchain
toolchain: ## Says what is missing on this machine before anything long begins.
	@command -v cargo >/dev/null || { echo 'cargo is missing: install Rust from https://rustup.rs' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'a C compiler is missing: apt-get install gcc' >&2; exit 1; }
	@# Tests hold the path of the checkout that they were compiled in; cargo does not see that another one came between.
	@last=$(CARGO_TARGET_DIR)/checkout; mkdir -p $(CARGO_TARGET_DIR); \
		if [ -f "$$last" ] && [ "$$(cat "$$last")" != '$(CURDIR)' ]; then find . -name '*.rs' -not -path './target/*' -exec touch {} +; fi; \
		echo '$(CURDIR)' >"$$last"

.PHONY: format
format: ## Fails when the code is not formatted.
	@echo '==> format' && cargo fmt --all --check

.PHONY: clippy
clippy: ## Fails on any warning.
	@echo '==> clippy' && cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings

.PHONY: lint
lint: ## Fails on any finding in workflows, YAML, Dockerfiles and shell scripts, and on misspelt words.
	@echo '==> lint' && .ci/lint

.PHONY: generate
generate: ## Writes the files that are generated from the code.
	@$(BUILD) --quiet --bin crdgen && $(BINARIES)/crdgen .

.PHONY: drift
drift: build ## Fails when a generated file is not what the code gives.
	@echo '==> drift' && folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
		&& $(BINARIES)/crdgen "$$folder" \
		&& (cd "$$folder" && find . -type f) | while read -r file; do diff "$$folder/$$file" "$$file" || { echo "$$file is not what crds/ gives: run make generate" >&2; exit 1; }; done

.PHONY: images
images: ## The six images as OCI archives in IMAGES, of the compiled binaries; needs buildah, or docker with buildx. PROFILE=release.
	@$(BUILD) --quiet --profile $(PROFILE) --bins
	@deployment/docker/images.sh $(PROFILE_BINARIES) '$(IMAGES)'
	@echo "images: $(IMAGES)" >&2

.PHONY: double-build
double-build: build delivery-tools ## Fails unless two checkouts of HEAD at different paths give the same six images; compiles what is ours twice.
	@echo '==> double build' && deployment/docker/double-build.sh $(CARGO_TARGET_DIR)

.PHONY: registry-login
registry-login: ## Keeps REGISTRY_USER and REGISTRY_PASSWORD for REGISTRY, as `skopeo login` does.
	@# Where docker keeps it: skopeo and cosign both look there.
	@mkdir -p "$$HOME/.docker" && printf '%s' "$${REGISTRY_PASSWORD:?}" | skopeo login --authfile "$$HOME/.docker/config.json" --username "$${REGISTRY_USER:?}" --password-stdin "$$(echo "$${REGISTRY:?}" | cut -d/ -f1)"

.PHONY: push
push: ## Publishes IMAGES to REGISTRY, tagged by COMMIT, BRANCH and ENVIRONMENT; pushed.json there is for `make deploy`.
	@deployment/docker/push.sh '$(IMAGES)' "$${REGISTRY:?}"

.PHONY: sign
sign: ## Signs what `make push` published of IMAGES and attests what is in it: COSIGN_KEY, or GitHub's word for the workflow.
	@deployment/docker/sign.sh '$(IMAGES)'

# Where a release is made.
RELEASE ?= .ats/release/$(VERSION)

.PHONY: release
release: toolchain ## Makes the release VERSION (v0.1.0) in RELEASE: images, SBOMs, chart, definitions, what changed, checksums; COSIGN_KEY signs, PUBLISH=1 publishes, PROFILE=release optimises.
	@deployment/release.sh check "$${VERSION:?VERSION is not set: make release VERSION=v0.1.0}"
	@[[ $${PUBLISH:-1} == 1 ]] || { echo 'PUBLISH is 1 or not set' >&2; exit 1; }
	@ATS_IMAGE_TAG=$${VERSION#v} $(MAKE) --no-print-directory images IMAGES='$(RELEASE)/images' >/dev/null
	@deployment/release.sh make "$$VERSION" '$(RELEASE)' && echo "release: $(RELEASE)" >&2
	@[[ -z $${PUBLISH:-} ]] || deployment/release.sh publish "$$VERSION" '$(RELEASE)'

.PHONY: release-dry-run
release-dry-run: ## `make release` of the version that Cargo.toml has, unsigned and unpublished, into an empty folder.
	@rm -rf .ats/release-dry-run
	@version=$$(sed -n 's/^version: //p' deployment/helm/ats/Chart.yaml) \
		&& $(MAKE) --no-print-directory release VERSION="v$$version" RELEASE=.ats/release-dry-run PUBLISH= COSIGN_KEY=
	@cd .ats/release-dry-run && sha256sum --check --quiet SHA256SUMS && wc -l <SHA256SUMS | xargs printf '%s files as their checksums say\n'

.PHONY: publish-release
publish-release: ## Publishes what `make release` made in RELEASE: images and chart to REGISTRY, the rest to GitHub by gh; GH_TOKEN.
	@deployment/release.sh publish "$${VERSION:?}" '$(RELEASE)'

.PHONY: deploy
deploy: ## Commits ENVIRONMENT with the signed images of IMAGES_JSON, by digest, to branch deployments of REMOTE: COSIGN_PUBLIC_KEY or SIGNER.
	@deployment/deploy.sh "$${ENVIRONMENT:?}" "$${IMAGES_JSON:-$(IMAGES)/images.json}" "$${REMOTE:?}"

.PHONY: revert
revert: ## Takes COMMIT, the last deployment of ENVIRONMENT, back on branch deployments of REMOTE.
	@deployment/revert.sh "$${ENVIRONMENT:?}" "$${COMMIT:?}" "$${REMOTE:?}"

.PHONY: pull-request
pull-request: delivery-program ## Asks for the merge of branch PULL_REQUEST_HEAD into deployments, once; GITHUB_TOKEN.
	@$(DELIVERY) pull-request

.PHONY: kubeconfig
kubeconfig: ## Writes KUBECONFIG for CLUSTER of EKS in AWS_REGION, with the credentials that aws finds.
	@aws eks update-kubeconfig --name "$${CLUSTER:-ats-cluster}" --region "$${AWS_REGION:-us-east-1}" --kubeconfig "$${KUBECONFIG:?}"

.PHONY: policy
policy: ## Fails when a crate links what it must not.
	@echo '==> policy' && tests/policy.sh

# cargo-deny reads the crates of every platform; a build fetches those of one.
.PHONY: deny
deny: ## Licences, duplicates and sources of the dependencies; advisories need the network and are not here.
	@echo '==> cargo-deny' && tool=$$(deployment/cargo-tool.sh cargo-deny) && cargo fetch --quiet --locked && "$$tool/cargo-deny" --offline --log-level error check licenses bans sources

.PHONY: advisories
advisories: ## Fails on a dependency with a known vulnerability, or one that was withdrawn; fetches the database of RustSec.
	@echo '==> advisories' && tool=$$(deployment/cargo-tool.sh cargo-deny) && cargo fetch --quiet --locked && "$$tool/cargo-deny" --log-level error check advisories

.PHONY: unused
unused: ## Fails on a dependency that no code names.
	@echo '==> unused dependencies' && tool=$$(deployment/cargo-tool.sh cargo-machete) && "$$tool/cargo-machete" --skip-target-dir

.PHONY: msrv
msrv: ## Fails when the oldest Rust of Cargo.toml does not compile everything; rustup installs it.
	@version=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) && echo "==> Rust $$version" \
		&& rustup toolchain install --profile minimal --no-self-update "$$version" \
		&& cargo "+$$version" check --locked --workspace --all-targets

.PHONY: unit
unit: toolchain ledger-tools ## Unit and property tests of every crate but those that need a cluster; for a quick look.
	@cargo test --quiet --locked --workspace --exclude ats-test-cluster --exclude ats-integration-tests --exclude ats-system-tests --exclude ats-performance-tests --exclude ats-delivery-tests

# The test targets of a package: each file of its tests folder, and each folder there.
targets = $(foreach target,$(sort $(basename $(notdir $(wildcard $(1)/tests/*.rs))) $(notdir $(patsubst %/main.rs,%,$(wildcard $(1)/tests/*/main.rs)))),--test $(target))

.PHONY: ledger-tools
ledger-tools: ## Installs PostgreSQL, which tests of the ledger start; nothing when it is there or ATS_POSTGRES_BIN names its folder.
	@[[ -n "$${ATS_POSTGRES_BIN:-}" ]] || { echo '==> PostgreSQL for tests' && tests/cluster/tools/install-node.sh postgresql; }

.PHONY: control-plane-tools
control-plane-tools: ## Builds Kubernetes and etcd; nothing when they are there.
	@echo '==> Kubernetes for tests' && tests/cluster/tools/build.sh etcd >/dev/null && tests/cluster/tools/build.sh kubernetes >/dev/null

# Cargo runs the tests of a node through sudo where the user is not root.
AS_ROOT = $(if $(filter-out 0,$(shell id -u)),CARGO_TARGET_$(shell rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')_RUNNER='sudo --non-interactive --preserve-env')

.PHONY: integration
integration: toolchain control-plane-tools ledger-tools build ## Tests of the operator and of the documents on a real control plane.
	@ATS_TEST_PREBUILT=1 cargo test --locked --workspace $(call targets,tests/integration)

.PHONY: kind
kind: toolchain ## Definitions and documents on the API server of KUBERNETES (1.35, 1.36, 1.37), by kind and a container engine.
	@tests/cluster/kind.sh "$${KUBERNETES:?}" cargo test --locked --workspace --test documents

.PHONY: system
system: toolchain cluster-tools argocd-tools build ## Tests on a real node, with the real images; root, or sudo without a password.
	@$(AS_ROOT) ATS_TEST_PREBUILT=1 cargo test --locked --workspace $(call targets,tests/system)

.PHONY: delivery-tools
delivery-tools: ## Builds kustomize, helm, cosign, Compose's loader and store, a runner of Argo CD's scripts; installs what reads audit data and checks SBOMs.
	@echo '==> tools of delivery' && for family in kustomize helm argo-lua cosign compose-model versitygw; do tests/cluster/tools/build.sh $$family >/dev/null; done
	@for tool in cargo-auditable rust-audit-info; do deployment/cargo-tool.sh $$tool >/dev/null; done
	@tests/python-packages.sh sbom tests/delivery/requirements.txt >/dev/null

.PHONY: argocd-tools
argocd-tools: ## Builds kustomize, cosign and Argo CD, which takes some five minutes; nothing when they are there.
	@echo '==> Argo CD for tests' && for family in kustomize cosign argocd; do tests/cluster/tools/build.sh $$family >/dev/null; done

.PHONY: delivery
delivery: toolchain cluster-tools delivery-tools build ## Tests of images, environments, workflows and their documentation.
	@ATS_TEST_PREBUILT=1 cargo test --locked --workspace $(call targets,tests/delivery)

.PHONY: branch-name
branch-name: ## Fails when BRANCH is not named as CONTRIBUTING.md says.
	@.ci/branch-name

.PHONY: ci-ok
ci-ok: ## Fails when one of RESULTS is not success; the last job of CI.
	@.ci/ci-ok

# The pipeline's own program. `make test` has compiled it already when it runs these targets.
DELIVERY = $(BINARIES)/ats-delivery
.PHONY: delivery-program
delivery-program:
	@[[ -n "$${ATS_TEST_PREBUILT:-}" ]] || $(BUILD) --quiet --bin ats-delivery

.PHONY: notify
notify: delivery-program ## Tells Slack how the jobs in NEEDS ended, if SLACK_WEBHOOK_URL is set; BRANCH, COMMIT.
	@$(DELIVERY) notify

.PHONY: fork
fork: ## Gives a fork its own names in every file: REPO (owner/name on GitHub), REGISTRY (where its images go, without a folder).
	@deployment/fork.sh "$${REPO:?REPO is not set: owner/name of the fork}" "$${REGISTRY:?REGISTRY is not set: where its images go, such as ghcr.io/owner}"

.PHONY: github-setup
github-setup: delivery-program ## Brings REPO (owner/name) on GitHub to what .github asks for; DRY_RUN=1 only tells. GITHUB_TOKEN, DEPLOY_APP_ID.
	@$(DELIVERY) github-setup

.PHONY: smoke
smoke: delivery-program ## Checks ENVIRONMENT after a deployment, by KUBECONFIG: versions of IMAGES_JSON, rollouts, endpoints, conditions, a backtest.
	@$(DELIVERY) smoke

.PHONY: performance-report
performance-report: delivery-program ## performance-report.html in OUTPUT of the newest measurement of `make bench`, with what performance.jsonl there has.
	@mkdir -p "$${OUTPUT:-.ats/performance}" && $(DELIVERY) performance-report \
		--measured "$${MEASURED:-$$(ls -t $(dir $(BINARIES))bench/*.json | head -1)}" \
		--history "$${OUTPUT:-.ats/performance}/performance.jsonl" \
		--output "$${OUTPUT:-.ats/performance}/performance-report.html"

.PHONY: metrics-append
metrics-append: delivery-program ## Adds the line of run GITHUB_RUN_ID to branch metrics of REMOTE; GITHUB_TOKEN, COMMIT, BRANCH, TESTS, COVERAGE_JSON, IMAGES_JSON.
	@mkdir -p .ats && $(DELIVERY) metrics-line >.ats/run.json && deployment/metrics.sh append runs .ats/run.json "$${REMOTE:?}"

.PHONY: performance-append
performance-append: ## Adds the last line of performance.jsonl in OUTPUT to branch metrics of REMOTE.
	@mkdir -p .ats && tail -1 "$${OUTPUT:-.ats/performance}/performance.jsonl" >.ats/measured.json && deployment/metrics.sh append performance .ats/measured.json "$${REMOTE:?}"

.PHONY: metrics-read
metrics-read: ## Writes the history of branch metrics of REMOTE to OUTPUT.
	@deployment/metrics.sh read "$${OUTPUT:-.ats/metrics}" "$${REMOTE:?}"

.PHONY: metrics-serve
metrics-serve: delivery-program ## Serves the history in OUTPUT to Prometheus, at ADDRESS (left out: 127.0.0.1:9108).
	@$(DELIVERY) metrics-serve --runs "$${OUTPUT:-.ats/metrics}/runs.jsonl" $${ADDRESS:+--address "$$ADDRESS"}

.PHONY: weekly-report
weekly-report: delivery-program ## weekly-report.html in OUTPUT, of the history there.
	@$(DELIVERY) weekly-report --runs "$${OUTPUT:-.ats/metrics}/runs.jsonl" --output "$${OUTPUT:-.ats/metrics}/weekly-report.html"

.PHONY: bench
bench: toolchain ## Measures speed, memory, API writes and sizes: ONLY=operator,functions,training,features,backtest,scale,run,images PROFILE=release ARGS=...
	@echo '==> compiling what is measured, profile $(PROFILE)' >&2
	@$(BUILD) --quiet --profile $(PROFILE) --bins
	@$(if $(or $(if $(ONLY),,all),$(findstring operator,$(ONLY))),for family in etcd kubernetes jobset; do tests/cluster/tools/build.sh $$family >/dev/null; done,true)
	@ATS_TEST_PREBUILT=1 $(PROFILE_BINARIES)/ats-bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

# All that can be measured, also what `make bench` leaves out unless it is named.
MEASURED_PARTS := operator,functions,training,features,backtest,scale,run,images

# Its document lies elsewhere: `make performance-report` takes the newest of `make bench`.
.PHONY: bench-quick
bench-quick: ## `make bench` of every part at its smallest size, as compiled for the tests: that each still measures, not for figures.
	@$(MAKE) --no-print-directory bench PROFILE=dev ONLY=$(MEASURED_PARTS) ARGS='--quick --output $(CURDIR)/.ats/bench-quick'
	@echo 'measured: $(MEASURED_PARTS)'

.PHONY: bench-profile
bench-profile: toolchain ## Where our side of a benchmark spends its time, by perf: ONLY=functions,features,backtest,training OF='sma(close, 21)' PROFILE=release.
	@command -v perf >/dev/null || { echo "perf is missing: install Debian's package linux-perf (apt-get install linux-perf)" >&2; exit 1; }
	@echo '==> compiling what is profiled, profile $(PROFILE)' >&2
	@$(BUILD) --quiet --profile $(PROFILE) --bin ats-bench
	@$(PROFILE_BINARIES)/ats-bench profile $(if $(ONLY),--only $(ONLY)) $(if $(OF),--of '$(OF)') $(ARGS)

.PHONY: cluster-tools
cluster-tools: ## Builds Kubernetes and etcd, installs the node's packages; nothing when they are there.
	@echo '==> Kubernetes for tests' && tests/cluster/tools/install-node.sh && tests/cluster/tools/build.sh etcd >/dev/null && tests/cluster/tools/build.sh kubernetes >/dev/null

# What a cluster with the operator on it is made of.
CLUSTER_BINARIES := ats-cluster pause operator data-acquisition feature-engineering model-training trading-strategy monitoring

.PHONY: cluster
cluster: toolchain cluster-tools ## A Kubernetes with the operator on this machine, ready for config/samples; stays until cluster-down.
	@echo '==> compiling the images (the first time takes some minutes)' && $(BUILD) --quiet $(addprefix --bin ,$(CLUSTER_BINARIES))
	@$(BINARIES)/ats-cluster up --install

.PHONY: cluster-down
cluster-down: ## Removes that cluster and all that lay on it.
	@$(BUILD) --quiet --bin ats-cluster && $(BINARIES)/ats-cluster down

# An environment without a cluster: COMPOSE is development, test or performance.
COMPOSE ?= development
STAGES = deployment/compose/stages.sh

.PHONY: compose-up
compose-up: ## Starts COMPOSE (development, test, performance) with a container engine and waits until it is healthy; images of IMAGES, if set.
	@$(STAGES) up '$(COMPOSE)'

.PHONY: compose-run
compose-run: ## Runs OBJECTS (files; left out: the samples) on COMPOSE, stage by stage; fails unless all are Ready.
	@[[ -n "$${ATS_TEST_PREBUILT:-}" ]] || $(BUILD) --quiet --bin ats
	@ATS=$(ATS) $(STAGES) run '$(COMPOSE)'

.PHONY: compose-down
compose-down: ## Stops COMPOSE, whatever state it is in; what development keeps goes with VOLUMES=1.
	@$(STAGES) down '$(COMPOSE)'
