# Banter's build: one file, no recursion into folders, one tree for each variant.
#
#   make                      the programs and the web assets
#   make help                 every target
#   make VARIANT=asan bin     the same sources, another tree: release, debug, asan, tsan, cov
#   make unit ONLY=utf8       the tests whose file name has that text
#   make CC=clang V=1         another compiler; V=1 shows the commands
#
# Sources are found by folder, tests by name; a unit test's first line says what it links:
#   // needs: common/utf8 common/mem

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all
MAKEFLAGS += -rR --no-print-directory

PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
VARIANT ?= release
# Only one that is given counts: make's own default is "cc".
ifeq ($(filter-out default undefined,$(origin CC)),)
CC := gcc
endif
ifeq ($(filter $(VARIANT),release debug asan tsan cov fuzz fuzzcov),)
$(error VARIANT is release, debug, asan, tsan, cov, fuzz or fuzzcov, not "$(VARIANT)")
endif
# Two compilers do not share objects.
TREE := $(VARIANT)$(if $(filter-out gcc,$(notdir $(CC))),$(if $(filter fuzz fuzzcov,$(VARIANT)),,-$(notdir $(CC))))
B := build/$(TREE)
Q := $(if $(V),,@)

# ---- flags ---------------------------------------------------------------------------------------

comma := ,
PACKAGES := libevent libevent_pthreads libzmq jansson libmariadb libcrypto libseccomp zlib libutf8proc
# Not there yet on a fresh machine, where only "make bootstrap" (and run, test) make sense.
PACKAGE_CFLAGS := $(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(PACKAGES) 2>/dev/null))
# A sanitizer has a crypt_r() of its own that calls the library's, which would not be there as needed.
LIBCRYPT := $(if $(filter asan tsan fuzz fuzzcov,$(VARIANT)),-Wl$(comma)--no-as-needed) -lcrypt
PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lscrypt $(LIBCRYPT)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wvla -Wundef -Wpointer-arith -Wcast-qual \
  -Wwrite-strings -Wimplicit-fallthrough
WERROR ?= -Werror

MACHINE := $(shell uname -m)
# Indirect jumps and returns that land only where they may, on machines that can tell.
CONTROL_FLOW := $(if $(filter x86_64,$(MACHINE)),-fcf-protection)$(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
HARDENING := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong \
  -fstack-clash-protection $(CONTROL_FLOW) -fPIE
HARDENING_LINK := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack

SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE_fuzz := $(SANITIZE_asan) -fsanitize=fuzzer-no-link
# Paths are kept relative, so that it does not matter where an object was compiled.
SANITIZE_fuzzcov := -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping -fcoverage-compilation-dir=.
SANITIZE_tsan := -fsanitize=thread
SANITIZE_cov  := --coverage
SANITIZE := $(SANITIZE_$(VARIANT))

CFLAGS_release := -O2 -g $(HARDENING)
CFLAGS_debug   := -Og -g3
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer
CFLAGS_fuzz    := -O1 -g -fno-omit-frame-pointer
CFLAGS_fuzzcov := -O1 -g
CFLAGS_tsan    := -O1 -g
CFLAGS_cov     := -O0 -g
LDFLAGS_release := $(HARDENING_LINK)

COMPILE := $(CC) -std=c11 -D_GNU_SOURCE= -Isrc $(PACKAGE_CFLAGS) \
  -DBANTER_PREFIX='"$(PREFIX)"' $(WARNINGS) $(WERROR) $(CFLAGS_$(VARIANT)) $(SANITIZE) \
  -pthread $(CPPFLAGS) $(CFLAGS)
LINK := $(CC) $(LDFLAGS_$(VARIANT)) $(SANITIZE) -pthread -Wl,--as-needed $(LDFLAGS)

# ---- sources -------------------------------------------------------------------------------------

objects = $(patsubst src/%.c,$(B)/obj/%.o,$(wildcard src/$(1)/*.c))
COMMON := $(call objects,common) $(B)/obj/gen/migrations.o $(B)/obj/gen/common_passwords.o

PROGRAM_gateway := banter-gateway
PROGRAM_broker  := banter-broker
PROGRAM_ctl     := banterctl
FOLDERS := $(foreach f,gateway broker ctl,$(if $(wildcard src/$(f)/main.c),$(f)))
PROGRAMS := $(foreach f,$(FOLDERS),$(B)/bin/$(PROGRAM_$(f)))

UNITS := $(patsubst tests/%.c,%,$(wildcard tests/unit/test_*.c))
INTEGRATIONS := $(patsubst tests/%.c,%,$(wildcard tests/integration/test_*.c))
TOOLS := $(patsubst tests/%.c,%,$(wildcard tests/tools/*.c))
FUZZERS := $(patsubst tests/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
UNIT_PROGRAMS := $(addprefix $(B)/tests/,$(UNITS) $(INTEGRATIONS))
TOOL_PROGRAMS := $(addprefix $(B)/tests/,$(TOOLS))
FUZZ_PROGRAMS := $(addprefix $(B)/tests/,$(FUZZERS))
SIM_PROGRAM := $(B)/tests/sim/test_schedules

.PHONY: all bin web man sbom run install install-only deb clean help bootstrap
.PHONY: test test-flood test-conformance test-monitoring test-deb bench bench-guard test-browser screenshots test-kill unit sim system asan tsan valgrind fuzz fuzz-long fuzz-coverage lint format tidy unit-programs fuzz-programs FORCE

all: bin web ## build the programs and the web assets (the default)

bin: $(PROGRAMS) ## build the programs only: build/VARIANT/bin

# ---- compiling and linking -----------------------------------------------------------------------

# Everything is rebuilt when the compiler or a flag changes.
$(B)/flags: FORCE
	@command -v $(firstword $(CC)) >/dev/null || \
	  { echo "make: there is no $(firstword $(CC)); \"make bootstrap\" installs what is missing" >&2; exit 1; }
	@pkg-config --exists $(PACKAGES) || \
	  { echo "make: libraries are missing; \"make bootstrap\" installs them" >&2; exit 1; }
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) / $(LINK))' | cmp -s - $@ || \
	  printf '%s\n' '$(subst ','\'',$(COMPILE) / $(LINK))' > $@

$(B)/obj/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/obj/tests/%.o: tests/%.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/obj/bench/%.o: bench/%.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# The migrations travel inside the broker.
$(B)/gen/migrations.c: db/embed.sh $(wildcard db/*.sql)
	@mkdir -p $(@D)
	$(Q)sh db/embed.sh $(sort $(wildcard db/*.sql)) > $@

# So do the passwords that are refused.
$(B)/gen/common_passwords.c: src/common/common_passwords.txt
	@mkdir -p $(@D)
	$(Q){ echo '#include "common/common_passwords.h"'; \
	  echo 'const unsigned char common_passwords_text[] = {'; \
	  od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; echo '};'; \
	  echo 'const size_t common_passwords_len = sizeof(common_passwords_text);'; } > $@

# And the API's description inside of the fuzz targets that ask by it.
$(B)/gen/openapi_json.c: web/openapi.json
	@mkdir -p $(@D)
	$(Q){ echo '#include <stddef.h>'; \
	  echo 'extern const unsigned char openapi_json_text[];'; \
	  echo 'extern const size_t openapi_json_len;'; \
	  echo 'const unsigned char openapi_json_text[] = {'; \
	  od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; echo '};'; \
	  echo 'const size_t openapi_json_len = sizeof(openapi_json_text);'; } > $@

$(B)/obj/gen/%.o: $(B)/gen/%.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo "  CC    $<")
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(COMMON)
	@rm -f $@
	$(if $(Q),@echo "  AR    $@")
	$(Q)ar rcs $@ $^

define program_rule
$(B)/bin/$(PROGRAM_$(1)): $(call objects,$(1)) $(B)/libcommon.a
endef
$(foreach f,$(FOLDERS),$(eval $(call program_rule,$(f))))

$(PROGRAMS):
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) -o $@ $^ $(PACKAGE_LIBS)

# A test links its own module (test_x or fuzz_x: src/*/x.c) and what its first line names.
test_own = $(patsubst src/%.c,%,$(firstword $(wildcard src/*/$(patsubst test_%,%,$(patsubst fuzz_%,%,$(notdir $(1)))).c)))
test_needs = $(shell sed -n '1s|^// needs:||p' tests/$(1).c)
define test_rule
$(B)/tests/$(1): $(B)/obj/tests/$(1).o $(patsubst %,$(B)/obj/%.o,$(sort $(call test_own,$(1)) $(call test_needs,$(1))))
endef
$(foreach t,$(UNITS) $(INTEGRATIONS) $(TOOLS) $(FUZZERS),$(eval $(call test_rule,$(t))))

$(UNIT_PROGRAMS):
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) -o $@ $^ -lcmocka $(PACKAGE_LIBS)

# Programs that tests start.
$(TOOL_PROGRAMS):
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) -o $@ $^ $(PACKAGE_LIBS)

# What is measured by itself: a worker's floors without its main().
$(B)/bench/%: $(B)/obj/bench/%.o $(filter-out %/main.o,$(call objects,gateway)) $(B)/libcommon.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) -o $@ $^ $(PACKAGE_LIBS)

# bench/NAME/*.c is build/VARIANT/bench/NAME/NAME; what else they share is a line of its own.
BENCH_NAMES := load limit bulk
define bench_rule
$(B)/bench/$(1)/$(1): $(patsubst %.c,$(B)/obj/%.o,$(wildcard bench/$(1)/*.c)) $(B)/libcommon.a
endef
$(foreach n,$(BENCH_NAMES),$(eval $(call bench_rule,$(n))))
BENCH_PARTS := $(foreach n,$(BENCH_NAMES),$(B)/bench/$(n)/$(n))
$(B)/bench/bulk/bulk: $(B)/obj/bench/load/histogram.o

$(BENCH_PARTS):
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) -o $@ $^ $(PACKAGE_LIBS)

# The floors that the simulation plays itself are in its own files.
$(SIM_PROGRAM): $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/sim/*.c)) $(patsubst %,$(B)/obj/%.o,$(call test_needs,sim/test_schedules))
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) -o $@ $^ -lz

# Targets named fuzz_worker_* have a whole worker in them, over the floors that tests/fuzz/worker
# plays: their objects come before the library, which is then not asked for those floors. Of files
# that are otherwise real, single functions are played.
PLAYED_WORLD := $(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/fuzz/worker/*.c)) $(B)/obj/gen/openapi_json.o
FUZZ_WORKERS := $(filter $(B)/tests/fuzz/fuzz_worker_%,$(FUZZ_PROGRAMS))
FUZZ_PLAYED := clock_mono_ms clock_mono_us clock_wall_us digest_random client_address_of_peer log_write \
  event_add event_del event_free ping_wheel_init sessions_create
$(FUZZ_WORKERS): $(PLAYED_WORLD) \
  $(filter-out %/main.o,$(call objects,gateway)) $(B)/libcommon.a
$(FUZZ_WORKERS): FUZZ_LINK := $(addprefix -Wl$(comma)--wrap=,$(FUZZ_PLAYED))
# Those named fuzz_broker_* have parts of a broker in them, and play the clock and the log.
$(filter $(B)/tests/fuzz/fuzz_broker_%,$(FUZZ_PROGRAMS)): \
  FUZZ_LINK := $(addprefix -Wl$(comma)--wrap=,clock_mono_ms clock_mono_us clock_wall_us log_write)

# So has what counts a handshake's instructions.
$(B)/bench/guard/handshake: $(B)/obj/bench/guard/handshake.o $(PLAYED_WORLD) \
  $(filter-out %/main.o,$(call objects,gateway)) $(B)/libcommon.a
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) $(addprefix -Wl$(comma)--wrap=,$(FUZZ_PLAYED)) -o $@ $^ $(PACKAGE_LIBS)

$(FUZZ_PROGRAMS):
	@mkdir -p $(@D)
	$(if $(Q),@echo "  LINK  $@")
	$(Q)$(LINK) -fsanitize=fuzzer $(FUZZ_LINK) -o $@ $^ $(PACKAGE_LIBS)

# Measured by make bench and bench-guard only, and built with the tests so that they stay true.
REST_PROGRAMS := $(addprefix $(B)/bench/rest/,bare_evhttp statements scrypt_alone)
GUARD_PROGRAMS := $(B)/bench/guard/hot_paths $(B)/bench/guard/handshake
BENCH_PROGRAMS := $(GUARD_PROGRAMS) $(B)/bench/deflate/cost $(BENCH_PARTS) $(REST_PROGRAMS)

unit-programs: $(UNIT_PROGRAMS) $(TOOL_PROGRAMS) $(SIM_PROGRAM) $(BENCH_PROGRAMS)
fuzz-programs: $(FUZZ_PROGRAMS)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# ---- web assets ----------------------------------------------------------------------------------

# npm ci only when the lock changed, the build only when a source did.
# The web client is built on the JavaScript client.
WEB_SOURCES := $(shell find web clients/js/src docs/WEBSOCKET.md -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' 2>/dev/null)

ifneq ($(wildcard web/package.json),)
web: build/web.stamp ## build the web client and the API pages: build/assets
else
web:
	@echo "make: no web/package.json, so no assets are built"
endif

web/node_modules/.stamp: web/package-lock.json
	$(if $(Q),@echo "  NPM   web")
	$(Q)cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

build/web.stamp: $(WEB_SOURCES) web/node_modules/.stamp
	@mkdir -p $(@D)
	$(if $(Q),@echo "  WEB   build/assets")
	$(Q)cd web && npm run --silent build
	@touch $@

# Packages that only tests use.
ifneq ($(wildcard tests/system/package-lock.json),)
TEST_PACKAGES := tests/system/node_modules/.stamp bench/node_modules/.stamp
endif

tests/system/node_modules/.stamp: tests/system/package-lock.json
	$(if $(Q),@echo "  NPM   tests/system")
	$(Q)cd tests/system && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The JavaScript client. The web client is built from its sources; this is its own build, for its tests.
CLIENT_SOURCES := $(wildcard clients/js/src/*.ts clients/js/*.json)
CLIENT_BUILT := build/client.stamp

clients/js/node_modules/.stamp: clients/js/package-lock.json
	$(if $(Q),@echo "  NPM   clients/js")
	$(Q)cd clients/js && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(CLIENT_BUILT): $(CLIENT_SOURCES) clients/js/node_modules/.stamp
	@mkdir -p $(@D)
	$(if $(Q),@echo "  TSC   clients/js/dist")
	$(Q)rm -rf clients/js/dist && cd clients/js && npm run --silent build
	@touch $@

bench/node_modules/.stamp: bench/package-lock.json
	$(if $(Q),@echo "  NPM   bench")
	$(Q)cd bench && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

tests/kubernetes/node_modules/.stamp: tests/kubernetes/package-lock.json
	$(if $(Q),@echo "  NPM   tests/kubernetes")
	$(Q)cd tests/kubernetes && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# ---- running and installing ----------------------------------------------------------------------

# What bootstrap installs is only seen by a make that starts after it; that one uses every core.
AGAIN = $(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

bootstrap: ## install what the build and the tests need from Debian
	@sh deploy/bootstrap.sh --test

run: ## install what is missing, build, and run the whole chat in the foreground
	@sh deploy/bootstrap.sh
	+@$(AGAIN) all
	@exec sh deploy/run.sh $(B)/bin

# The lists in them come from the programs.
MAN_PAGES := $(patsubst man/%.in,$(B)/man/%,$(wildcard man/*.in))
man: $(MAN_PAGES) ## the man pages: build/VARIANT/man

$(B)/man/%: man/%.in man/make.sh $(PROGRAMS)
	@mkdir -p $(@D)
	$(if $(Q),@echo "  MAN   $@")
	$(Q)sh man/make.sh $(B)/bin $< > $@

install: all ## install into DESTDIR/PREFIX: programs, assets, man pages, units, examples
	@$(MAKE) install-only

# What was built before; no npm, no network: the package is made so.
install-only: bin man
	$(Q)DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' SYSCONFDIR='$(SYSCONFDIR)' UNITDIR='$(UNITDIR)' sh deploy/install.sh $(B)

deb: web ## the Debian package: build/deb/banter_VERSION_ARCH.deb
	@sh deploy/bootstrap.sh --deb
	@sh deploy/deb.sh

sbom: bin ## the bill of materials, CycloneDX: build/banter.cdx.json
	$(if $(Q),@echo "  SBOM  build/banter.cdx.json")
	$(Q)node deploy/sbom.mjs $(B)/bin > build/banter.cdx.json

clean: ## remove what was built (var/ and its database stay)
	rm -rf build

# ---- tests ---------------------------------------------------------------------------------------

test: ## every test: unit, integration and system; the last line counts them
	@sh deploy/bootstrap.sh --test
	+@$(AGAIN) all man unit-programs $(TEST_PACKAGES) $(CLIENT_BUILT)
	@sh tests/run.sh $(B) unit sim conformance integration web client system

unit: unit-programs ## the unit tests
	@sh tests/run.sh $(B) unit

# Straight from the program, so that a story is seen while it is told.
sim: $(SIM_PROGRAM) ## 100,000 random schedules of loss and death; SIM_SEEDS= how many, SIM_SEED= replays one
	@$(SIM_PROGRAM)

integration: unit-programs ## the tests of C modules that want a MariaDB
	@sh tests/run.sh $(B) integration

system: all man $(TOOL_PROGRAMS) $(BENCH_PROGRAMS) $(TEST_PACKAGES) ## the black-box tests over the real processes
	@sh tests/run.sh $(B) system

client: all $(TEST_PACKAGES) $(CLIENT_BUILT) ## the JavaScript client's tests: its own, and against the real server
	@sh tests/run.sh $(B) client

CLIENT_KILL_SECONDS ?= 300
test-client-kill: all $(TEST_PACKAGES) $(CLIENT_BUILT) ## 50 JavaScript clients while all is killed for CLIENT_KILL_SECONDS=300; CLIENT_KILL_SEED= repeats
	@BANTER_BIN_DIR=$(B)/bin CLIENT_KILL_SECONDS=$(CLIENT_KILL_SECONDS) node clients/js/test/kill/kill.mjs

test-browser: all $(TEST_PACKAGES) ## the web client and the API pages in Debian's Chromium
	@BANTER_BIN_DIR=$(B)/bin node --test $(if $(ONLY),$(wildcard tests/browser/*$(ONLY)*.test.mjs),$(wildcard tests/browser/*.test.mjs))

screenshots: all $(TEST_PACKAGES) ## a picture of every state, width and theme of the web client: build/screenshots
	@BANTER_BIN_DIR=$(B)/bin ONLY=$(ONLY) node tests/browser/screenshots.mjs

test-conformance: $(TOOL_PROGRAMS) all $(TEST_PACKAGES) ## RFC 6455, 7692 and 3629 case by case; writes docs/CONFORMANCE.md
	@CONFORMANCE_WRITES=1 sh tests/run.sh $(B) conformance
	$(if $(ONLY_CASE),,@node tests/conformance/table.mjs --write)

test-monitoring: all $(TEST_PACKAGES) ## the metrics, alert rules and dashboard in a real Prometheus
	@sh deploy/bootstrap.sh --dev
	@BANTER_BIN_DIR=$(B)/bin node --test tests/monitoring/monitoring.test.mjs

test-deb: ## the Debian package, installed, run and purged in a Debian of its own (as root)
	@$(MAKE) deb
	@sh tests/deb/run.sh

KILL_SECONDS ?= 600
test-kill: all $(TEST_PACKAGES) ## kill, stop and cut everything for KILL_SECONDS=600; KILL_SEED= repeats a run
	@BANTER_BIN_DIR=$(B)/bin KILL_SECONDS=$(KILL_SECONDS) node tests/kill/kill.mjs

test-flood: all $(TEST_PACKAGES) ## floods against one worker while an ordinary client goes on; FLOOD_SECONDS=12 each
	@BANTER_BIN_DIR=$(B)/bin node tests/flood/flood.mjs

test-stack: ## the compose stack for real: build, use, kill, scale, update, stop; STACK=netns without containers
	@sh deploy/bootstrap.sh --test
	@sh deploy/bootstrap.sh --stack
	+@$(AGAIN) all $(TEST_PACKAGES)
	@BANTER_BIN_DIR=$(B)/bin sh tests/stack/run.sh $(STACK)

asan: ## unit, integration and system tests with AddressSanitizer and UBSan
	@sh deploy/bootstrap.sh --test
	+@$(AGAIN) VARIANT=asan all man unit-programs $(TEST_PACKAGES)
	@$(MAKE) VARIANT=asan asan-run

asan-run:
	@sh tests/run.sh $(B) unit conformance integration system

tsan: ## unit, integration and system tests and random schedules with ThreadSanitizer; ONLY=09_
	@sh deploy/bootstrap.sh --test
	+@$(AGAIN) VARIANT=tsan all man unit-programs $(TEST_PACKAGES)
	@$(MAKE) VARIANT=tsan tsan-run

# A schedule takes tens of times as long.
tsan-run:
	@SIM_SEEDS=$${SIM_SEEDS:-2000} sh tests/run.sh $(B) unit sim integration system

VALGRIND_TESTS ?= 15_
valgrind: all $(TEST_PACKAGES) ## a short black-box run with gateway and broker under valgrind
	@sh deploy/bootstrap.sh --dev
	@BANTER_VALGRIND=1 ONLY=$(VALGRIND_TESTS) sh tests/run.sh $(B) system

FUZZ_SECONDS ?= 10
fuzz: ## run each fuzz target for FUZZ_SECONDS=10
	@sh deploy/bootstrap.sh --dev
	+@$(AGAIN) VARIANT=fuzz CC=clang fuzz-programs
	@FUZZ_SECONDS=$(FUZZ_SECONDS) sh tests/fuzz/run.sh build/fuzz

fuzz-long: ## run each fuzz target for ten minutes
	@$(MAKE) fuzz FUZZ_SECONDS=600

FUZZ_CORPORA ?=
fuzz-coverage: ## how much of its code each fuzz target reaches by its corpus; FUZZ_CORPORA= more folders of them
	@sh deploy/bootstrap.sh --dev
	+@$(AGAIN) VARIANT=fuzzcov CC=clang fuzz-programs
	@sh tests/fuzz/coverage.sh build/fuzzcov $(FUZZ_CORPORA)

bench: ## measure Banter beside other servers: docs/benchmarks; BENCH_REPEAT=5, ONLY=part of a scenario's or server's name
	@sh deploy/bootstrap.sh
	@sh deploy/bootstrap.sh --bench
	+@$(AGAIN) all $(BENCH_PROGRAMS) bench/node_modules/.stamp
	@BANTER_BIN_DIR=$(B)/bin node bench/bench.mjs

.PHONY: bench-rest bench-scaling
bench-rest: ## measure REST beside bare evhttp, bare statements and bare scrypt: docs/benchmarks/rest.md
	@sh deploy/bootstrap.sh
	@sh deploy/bootstrap.sh --bench
	+@$(AGAIN) all $(BENCH_PROGRAMS) bench/node_modules/.stamp
	@BANTER_BIN_DIR=$(B)/bin node bench/rest/rest.mjs

bench-scaling: ## measure how costs grow: docs/benchmarks/scaling.json, the tables and pictures of docs/SCALING.md
	@sh deploy/bootstrap.sh
	@sh deploy/bootstrap.sh --bench
	+@$(AGAIN) all $(BENCH_PROGRAMS) bench/node_modules/.stamp
	@BANTER_BIN_DIR=$(B)/bin node bench/scaling/scaling.mjs

bench-guard: $(GUARD_PROGRAMS) ## instructions a delivery and a message; fails when one rose by over 5 %
	@sh deploy/bootstrap.sh --dev
	@node bench/guard/guard.mjs $(<D)

# ---- the manner ----------------------------------------------------------------------------------

lint: ## formatting, include floors, forbidden calls, sizes, cppcheck, shellcheck, compose, names in documents
	@sh deploy/bootstrap.sh --dev
	@sh tests/lint/run.sh

tidy: ## clang-tidy over every source
	@sh deploy/bootstrap.sh --dev
	@sh tests/lint/tidy.sh -std=c11 -D_GNU_SOURCE= -Isrc $(PACKAGE_CFLAGS)

format: ## format every .c and .h
	clang-format -i $(wildcard src/*/*.c src/*/*.h tests/*/*.c tests/*/*.h bench/*/*.c)

help: ## this list
	@LC_ALL=C sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16
	@echo
	@echo "  VARIANT=release|debug|asan|tsan|cov   CC=gcc|clang   V=1   ONLY=part_of_a_test   DESTDIR=   PREFIX=/usr/local"
