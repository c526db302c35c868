# Two commands do everything: `make run` to try it, `make test` to check it. Each installs what it needs first.

.PHONY: help run test soak screens fuzz bench fmt lint

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start a server on this machine, found a community and open the client on it
	@.ci/setup build
	@deploy/run.sh

test: ## Run every test of every crate, with all that they need
	@.ci/setup test
	@.ci/test

soak: ## Hours of faults: nights of seeds, storms of kills (see .ci/soak for its knobs)
	@.ci/setup test
	@.ci/soak

fuzz: ## Fuzz each target for SECONDS_EACH (default 10); needs a nightly toolchain
	@.ci/fuzz

bench: ## Measure the engines
	cargo bench -p dialtone-protocol
	cargo bench -p dialtone-voice --bench chains

screens: ## Draw the screens of docs/screens anew
	DIALTONE_DRAW_SCREENS=1 cargo test -p dialtone-client --lib tui::

fmt: ## Format the code
	cargo fmt --all

lint: ## Lint with warnings as errors
	cargo clippy --workspace --all-targets --locked -- -D warnings
