# The two commands are `make run` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
CARGO ?= cargo
NPM ?= npm
# Tests and linters must not rewrite the lock file behind one's back.
LOCKED ?= --locked

.DEFAULT_GOAL := help
.PHONY: help run build ui dev test test-tools test-rust test-ui test-browser nightly lint fmt bench clean

help: ## Lists what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: build ## Builds everything and watches this machine on http://127.0.0.1:9090.
	./target/release/watchfire run

build: ui ## Builds the release binary, with the web UI inside, and the PromQL conformance runner.
	WATCHFIRE_UI_REQUIRED=1 $(CARGO) build $(LOCKED) --release -p watchfire
	$(CARGO) build $(LOCKED) --release -p watchfire-promql --example promqltest

ui: ui/dist/index.html ## Builds the web UI.

UI_SOURCES := $(shell find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -type f -print 2>/dev/null)

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	cd ui && $(NPM) run build

ui/node_modules/.package-lock.json: ui/package.json ui/package-lock.json
	cd ui && $(NPM) ci --no-audit --no-fund
	@touch $@

dev: ui/node_modules/.package-lock.json ## Rebuilds on change: the server by cargo, the web UI by Vite on http://127.0.0.1:5173.
	tools/dev

test: test-tools ui test-ui test-rust test-browser ## Installs what tests need, where it may, and runs them all.

test-tools: ## Installs Debian's chromium, Prometheus, Alertmanager and node exporter for the tests that compare with them.
	tools/test-tools

test-rust: ## Runs the Rust suites, the black-box ones on the real binary included.
	$(CARGO) test $(LOCKED) --workspace --lib --bins --tests

test-ui: ui/node_modules/.package-lock.json ## Type-checks the web UI and runs its unit tests.
	cd ui && $(NPM) run typecheck && $(NPM) run test

test-browser: ui ## Drives the web UI in headless Chromium.
	# Built as for the black-box tests, so that after those nothing is compiled again.
	$(CARGO) test $(LOCKED) --workspace --test blackbox --no-run
	cd ui && $(NPM) run test:browser

nightly: ## Proves at length that the store loses and invents nothing: simulation with new seeds, kill -9 sixty times, fuzzing.
	SIM_RUNS=$${SIM_RUNS:-200000} SIM_FROM=$${SIM_FROM:-$$(date +%s)000} $(CARGO) test $(LOCKED) --release -p watchfire-metrics --test simulation -- --nocapture
	CRASH_ROUNDS=$${CRASH_ROUNDS:-60} $(CARGO) test $(LOCKED) -p watchfire --test blackbox -- --nocapture kill_nine damage storage
	# Needs nightly Rust and cargo-fuzz, and says so where they are missing.
	FUZZ_SECONDS=$${FUZZ_SECONDS:-600} fuzz/run

lint: ## Formatting, clippy, licences.
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings
	tools/licences

fmt: ## Formats the Rust code.
	$(CARGO) fmt --all

bench: ## Measures ingest and queries side by side with Debian's Prometheus.
	bench/run

clean: ## Removes what was built.
	rm -rf target ui/dist ui/node_modules
