# Redoubt. `make help` lists the targets; each installs what it misses (as root, by apt) or says what that is.
PREFIX ?= /usr/local
BIN = $(DESTDIR)$(PREFIX)/bin
CARGO ?= cargo
NIGHTLY ?= nightly
SECONDS_EACH ?= 600
TARGET = $(shell rustc -vV | sed -n 's/^host: //p')
NEXTEST = $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo nextest run || echo test)
# The units of upstream's suite that take seconds; `make tcl` runs all.
TCL_QUICK = $(addprefix unit/type/,incr string list-2 list-3 hash hash-field-expire set list zset stream stream-cgroups) \
	$(addprefix unit/,quit printver auth protocol scan slowlog sort keyspace bitops bitfield geo pubsub pause) \
	$(addprefix integration/,rdb aof-multi-part)

.PHONY: help run build test unit lint tcl test-clients bench criterion pgo asan fuzz fuzz-diff install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

run: build ## build in release mode and start with ./redis.conf on port 6379
	target/release/redoubt-server redis.conf

build: ## build in release mode
	@scripts/need cc g++ make
	$(CARGO) build --release

test: lint unit ## everything that has to pass
	@scripts/need python3 tclsh dpkg-source ps
	$(CARGO) build
	scripts/tcl-suite --check -j 2 $(TCL_QUICK)

unit: ## unit, integration, style and differential tests
	@scripts/need cc g++ make redis-server
	$(CARGO) $(NEXTEST) --no-fail-fast

lint: ## formatting and clippy
	@scripts/need cc g++ make
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings

tcl: ## upstream's Tcl suite: every unit, compared with the tests listed as passing
	@scripts/need cc g++ make python3 tclsh dpkg-source ps
	$(CARGO) build
	scripts/tcl-suite --check -j 2

test-clients: ## BullMQ, rq, redis-py's locks and a rate limiter against the server
	@scripts/need cc g++ make node npm python3 pip3
	$(CARGO) build
	scripts/test-clients

bench: build ## CPU per request and bytes per key, side by side with the machine's servers; writes README's figures
	@scripts/need redis-server redis-benchmark python3
	scripts/bench --write

criterion: ## what the parser, replies, table, listpack and tree cost by themselves
	$(CARGO) bench --bench parts

pgo: ## a release build guided by a profile of redis-benchmark's workloads, in target/pgo
	@scripts/need cc g++ make redis-benchmark python3
	scripts/pgo

asan: ## unit tests and differential test under AddressSanitizer (nightly toolchain)
	@scripts/need cc g++ make redis-server
	RUSTFLAGS="-Zsanitizer=address --cfg asan" ASAN_OPTIONS=detect_leaks=0 $(CARGO) +$(NIGHTLY) test --target $(TARGET) \
		--target-dir target/asan --lib --test it -- --skip ten_thousand --skip no_number

fuzz: ## each fuzz target for SECONDS_EACH seconds (nightly toolchain, cargo-fuzz)
	@scripts/need cc g++ make
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz
	for target in $$($(CARGO) +$(NIGHTLY) fuzz list --fuzz-dir tests/fuzz); do \
		$(CARGO) +$(NIGHTLY) fuzz run --fuzz-dir tests/fuzz $$target -- \
			-max_total_time=$(SECONDS_EACH) -max_len=4096 -rss_limit_mb=1024 -print_funcs=0 || exit 1; done

fuzz-diff: ## the differential test with seeds of its own, for REDOUBT_DIFF_SECONDS (60)
	@scripts/need cc g++ make redis-server
	$(CARGO) test --test it random_seeds -- --ignored --nocapture

install: build ## install the server and its other names under PREFIX
	install -Dm755 target/release/redoubt-server $(BIN)/redoubt-server
	for name in server sentinel check-rdb check-aof; do ln -sf redoubt-server $(BIN)/redis-$$name; done

clean: ## remove what was built
	$(CARGO) clean
