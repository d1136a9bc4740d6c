# Redoubt. `make help` lists the targets; each installs what it misses (as root, by apt) or says what that is.
PREFIX ?= /usr/local
BIN = $(DESTDIR)$(PREFIX)/bin
CARGO ?= cargo

.PHONY: help run build test unit lint tcl bench install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

run: build ## build in release mode and start with ./redis.conf on port 6379
	target/release/redoubt-server redis.conf

build: ## build in release mode
	@scripts/need cc make
	$(CARGO) build --release

test: ## everything that has to pass
	@scripts/need cc make redis-server redis-cli tclsh
	$(MAKE) lint unit
	$(CARGO) build
	scripts/tcl-suite --check -j 2 $(shell cat tests/tcl/ci-units)

unit: ## unit, integration and differential tests
	$(CARGO) test

lint: ## formatting, clippy, the style test
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

tcl: ## upstream's Tcl suite: every unit of the list, compared with the tests that pass
	@scripts/need cc make redis-server redis-cli tclsh
	$(CARGO) build
	scripts/tcl-suite --check -j 2

bench: build ## CPU per request and bytes per key, side by side with the machine's redis-server
	@scripts/need redis-server redis-benchmark python3
	scripts/bench --memory

install: build ## install the server and its other names under PREFIX
	install -Dm755 target/release/redoubt-server $(BIN)/redoubt-server
	for name in server sentinel check-rdb check-aof; do ln -sf redoubt-server $(BIN)/redis-$$name; done

clean: ## remove what was built
	$(CARGO) clean
