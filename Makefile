# Builds, tests and installs ngx_http_dmp_module; "make help" lists how.

SHELL         := /bin/bash
.SHELLFLAGS   := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS     += --no-print-directory
unexport MAKEOVERRIDES

PREFIX       ?= /usr
DESTDIR      ?=
FUZZ_SECONDS ?= 60
JOBS         ?= $(shell nproc)
CLANG        ?= clang
CC           := gcc

# V=1 shows the commands
Q := $(if $(V),,@)

B       := build
NGX_SRC := /usr/share/nginx/src
NGX_MOD  = $(shell nginx -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')

CORE  := $(sort $(wildcard policy/*.c))
DAEMON := $(sort $(wildcard tools/notifyd*.c))
TOOL  := $(filter-out $(DAEMON),$(sort $(wildcard tools/*.c)))
NGX   := $(sort $(wildcard ngx_dmp_module/*.c))
HDRS  := $(sort $(wildcard include/dmp/*.h policy/*.h ngx_dmp_module/*.h))
UNITS := $(sort $(patsubst t/%.c,$(B)/%,$(wildcard t/unit/test_*.c)))
FUZZ  := $(sort $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c)))

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
BASE := -std=c11 -D_GNU_SOURCE -Iinclude -I$(B) $(WARN) -g -MMD -MP
HARD := -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC \
        -fno-semantic-interposition
SAN  := -fsanitize=address,undefined -fno-sanitize-recover=all \
        -fno-omit-frame-pointer -O1
LIBS := -lhiredis -ljansson -ljwt -lcrypto -lutf8proc


.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile \
	    | while IFS='|' read -r t h; do printf '%-18s %s\n' "$$t" "$$h"; done


# What the machine needs

NPM := demo/backend t/client
NPM_STAMP := $(foreach d,$(NPM),$(d)/node_modules/.stamp-$(shell \
    sha256sum $(d)/package-lock.json 2>/dev/null | cut -c1-16))

.PHONY: deps npm
deps: ## install what build and tests need: Debian and npm packages
	@DEPS_LOG=$(B)/deps.log misc/deps.sh
	@$(MAKE) npm

npm: $(NPM_STAMP)
	@:

$(NPM_STAMP):
	@echo "deps: npm packages of $(@D:/node_modules=)"
	$(Q)cd $(@D:/node_modules=) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	$(Q)touch $@


# The module, out of tree, against the nginx that is installed

.PHONY: build build-static FORCE
build: $(B)/ngx_http_dmp_module.so $(B)/dmpctl $(B)/dmp-notifyd ## build the module, dmpctl and dmp-notifyd

build-static: $(B)/nginx-static ## build an nginx that has the module inside

# These two change when what they name does, and only then.
$(B)/nginx.id: FORCE
	@mkdir -p $(B)
	@misc/nginx-id.sh $(NGX_SRC) >$@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(B)/headers.id: FORCE
	@mkdir -p $(B)
	@[ "$(HDRS)" = "$$(cat $@ 2>/dev/null)" ] || echo "$(HDRS)" >$@

$(B)/dynamic/objs/Makefile: ngx_src := $(NGX_SRC)
$(B)/static/objs/Makefile: ngx_src := $(CURDIR)/$(B)/nginx-src
$(B)/static/objs/Makefile: $(B)/nginx-src/.complete

$(B)/%/objs/Makefile: config misc/nginx-configure.sh store/dmp1.lua store/embed.sh $(B)/nginx.id $(B)/headers.id
	@echo "  CONFIGURE $*"
	$(Q)CC=$(CC) misc/nginx-configure.sh $* $(ngx_src) $(B)/$* "-g $(HARD)"

# nginx-dev has headers only
$(B)/nginx-src/.complete: $(B)/nginx.id
	@echo "  FETCH the nginx source package"
	$(Q)misc/nginx-source.sh $(@D)
	@touch $@

$(B)/ngx_http_dmp_module.so: $(B)/dynamic/objs/Makefile $(CORE) $(NGX) $(HDRS)
	@echo "  BUILD $(@F)"
	$(Q)$(MAKE) $(if $(V),,-s) -j$(JOBS) -C $(B)/dynamic -f objs/Makefile modules
	@# renamed into place: a running nginx has the old one mapped
	$(Q)cp $(B)/dynamic/objs/$(@F) $@.new && mv $@.new $@

$(B)/nginx-static: $(B)/static/objs/Makefile $(CORE) $(NGX) $(HDRS)
	@echo "  BUILD $(@F)"
	$(Q)$(MAKE) $(if $(V),,-s) -j$(JOBS) -C $(B)/static -f objs/Makefile binary
	$(Q)cp $(B)/static/objs/nginx $@.new && mv $@.new $@

# The same without some of what makes a revocation hold, as the environment
# says: t/240-race.t must notice each.  Never installed.
$(B)/unsafe/objs/Makefile: config misc/nginx-configure.sh store/dmp1.lua store/embed.sh $(B)/nginx.id $(B)/headers.id
	@echo "  CONFIGURE unsafe"
	$(Q)CC=$(CC) misc/nginx-configure.sh dynamic $(NGX_SRC) $(B)/unsafe "-g $(HARD) -DNGX_HTTP_DMP_UNSAFE=1"

$(B)/unsafe/ngx_http_dmp_module.so: $(B)/unsafe/objs/Makefile $(CORE) $(NGX) $(HDRS)
	@echo "  BUILD unsafe/$(@F)"
	$(Q)$(MAKE) $(if $(V),,-s) -j$(JOBS) -C $(B)/unsafe -f objs/Makefile modules
	$(Q)cp $(B)/unsafe/objs/$(@F) $@.new && mv $@.new $@


# The core and the tools

$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(Q)$(CC) $(BASE) $(HARD) -c -o $@ $<

$(TOOL:%.c=$(B)/obj/%.o) $(DAEMON:%.c=$(B)/obj/%.o): | $(B)/dmp1_lua.h $(B)/init_text.h

$(B)/libdmp.a: $(CORE:%.c=$(B)/obj/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/dmpctl: $(TOOL:%.c=$(B)/obj/%.o) $(B)/libdmp.a
	@echo "  LINK $(@F)"
	$(Q)$(CC) -Wl,-z,relro,-z,now -o $@ $^ $(LIBS) -lcurl

# What it shares with dmpctl: options, files, the store
SHARED := $(addprefix $(B)/obj/tools/,ask.o files.o store.o)

$(B)/dmp-notifyd: $(DAEMON:%.c=$(B)/obj/%.o) $(SHARED) $(B)/libdmp.a
	@echo "  LINK $(@F)"
	$(Q)$(CC) -Wl,-z,relro,-z,now -o $@ $^ $(LIBS) -lcurl

# Decides what t/200-rules.t asks, a million times
ORACLE := $(sort $(wildcard t/oracle/*.c))

$(B)/oracle: $(ORACLE:%.c=$(B)/obj/%.o) $(B)/libdmp.a
	@echo "  LINK $(@F)"
	$(Q)$(CC) -o $@ $^ $(LIBS)

# Seals what t/notify.t puts into outboxes
$(B)/notify-seal: $(B)/obj/t/notify/seal.o $(B)/libdmp.a
	@echo "  LINK $(@F)"
	$(Q)$(CC) -o $@ $^ $(LIBS)

$(B)/dmp1_lua.h: store/dmp1.lua store/embed.sh
	@mkdir -p $(@D)
	$(Q)sh store/embed.sh store/dmp1.lua >$@

# What "dmpctl init --write" writes
INIT_TEXT := init_conf_text conf/redis.conf init_users_text store/users.acl.in

$(B)/init_text.h: store/embed-text.sh $(filter %.conf %.in,$(INIT_TEXT))
	@mkdir -p $(@D)
	$(Q)sh store/embed-text.sh $(INIT_TEXT) >$@

# The tests' second server: Valkey 8, which no stable Debian before 13 has
$(B)/valkey/valkey-server: misc/valkey.sh
	@misc/valkey.sh $(@D)
	@touch -h $@


# Tests

.PHONY: test unit fuzz prove
test: deps ## run every test but the long ones
	@$(MAKE) -j$(JOBS) build
	@$(MAKE) build-static
	@$(MAKE) -j$(JOBS) unit
	@$(MAKE) -j$(JOBS) fuzz FUZZ_SECONDS=5
	@$(MAKE) prove
	@$(MAKE) cases
	@misc/rules.pl --check
	@misc/pitfalls.pl

unit: $(UNITS) ## unit tests of the core, under ASan and UBSan
	@CMOCKA_MESSAGE_OUTPUT=TAP prove -j$(JOBS) -e '' $(UNITS)

$(B)/asan/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC $< (ASan)")
	$(Q)$(CC) $(BASE) -It/unit $(SAN) -c -o $@ $<

# What the tools parse is tested and fuzzed like the core
PARTS := tools/extract.c tools/directory_sort.c tools/index_page.c \
         tools/audit_log.c tools/audit_resp.c tools/notifyd_conf.c \
         tools/notifyd_encode.c tools/notifyd_text.c

$(B)/asan/libdmp.a: $(CORE:%.c=$(B)/asan/%.o) $(PARTS:%.c=$(B)/asan/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^

$(UNITS): $(B)/unit/%: $(B)/asan/t/unit/%.o $(B)/asan/libdmp.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -o $@ $^ -lcmocka $(LIBS)

fuzz: $(addprefix fuzz-,$(FUZZ)) ## fuzz the parsers, FUZZ_SECONDS each

# New finds stay in build/; the kept corpus is only read.
fuzz-%: $(B)/fuzz/fuzz_%
	@mkdir -p $(B)/fuzz/corpus/$*
	@echo "  FUZZ $* ($(FUZZ_SECONDS) s)"
	$(Q)$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	    -artifact_prefix=$(B)/fuzz/$*- -print_final_stats=1 \
	    $(patsubst %,-dict=%,$(wildcard t/fuzz/$*.dict)) \
	    $(B)/fuzz/corpus/$* $(wildcard t/fuzz/corpus/$*) >$(B)/fuzz/$*.log 2>&1 \
	    || { tail -n 60 $(B)/fuzz/$*.log; exit 1; }

$(B)/fuzz/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC $< (fuzz)")
	$(Q)$(CLANG) $(BASE) $(SAN) -fsanitize=fuzzer-no-link -c -o $@ $<

$(B)/fuzz/libdmp.a: $(CORE:%.c=$(B)/fuzz/obj/%.o) $(PARTS:%.c=$(B)/fuzz/obj/%.o)
	$(Q)rm -f $@ && ar rcs $@ $^

.SECONDARY:
$(B)/fuzz/fuzz_%: $(B)/fuzz/obj/t/fuzz/fuzz_%.o $(B)/fuzz/libdmp.a
	$(Q)$(CLANG) $(SAN) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# Reads, changes rights and is the record host, all at once: t/race/watch.c
RACE := $(sort $(wildcard t/race/*.c))

$(B)/race: $(RACE:%.c=$(B)/obj/%.o)
	@echo "  LINK $(@F)"
	$(Q)$(CC) -o $@ $^ -lssl -lcrypto -lnghttp2

T ?= $(sort $(wildcard t/*.t))

# Opens what is sealed, for tests that look at messages
$(B)/unseal: $(B)/obj/t/tool/unseal.o $(B)/libdmp.a
	@echo "  LINK $(@F)"
	$(Q)$(CC) -o $@ $^ $(LIBS)

prove: build $(B)/notify-seal $(B)/oracle $(B)/unseal $(B)/race $(B)/unsafe/ngx_http_dmp_module.so $(B)/valkey/valkey-server ## the tests through a real nginx; T=t/NNN-name.t for one
	@prove -j$(JOBS) --timer -It/lib $(T)


RACE_READS ?= 1000000

.PHONY: race
race: deps ## race reads against changes of rights, RACE_READS of them
	@$(MAKE) -j$(JOBS) build $(B)/race
	@t/race/run.pl reads=$(RACE_READS) seconds=7200


# Faults: the store killed, cut, filled, failed over, set back; workers, too
.PHONY: faults faults-long
faults: deps ## play what can happen to a store and its gateways, ten minutes
	@$(MAKE) -j$(JOBS) build $(B)/race $(B)/unsafe/ngx_http_dmp_module.so \
	    $(B)/unit/test_verify_mutants
	@t/faults/run.pl

faults-long: deps ## all of them, with replication, each many times
	@$(MAKE) -j$(JOBS) build $(B)/race $(B)/unsafe/ngx_http_dmp_module.so \
	    $(B)/unit/test_verify_mutants
	@t/faults/run.pl long


# The rules, and how well they are tested

.PHONY: rules cases mutants model
rules: build $(B)/oracle ## run the rules against the oracle, write docs/rules.md
	@prove -It/lib t/200-rules.t
	@$(MAKE) cases
	@misc/rules.pl

cases: build
	@$(B)/dmpctl policy test t/policy --policy conf/policy/policy.json \
	    --count $(B)/cases-decided.json

model: deps ## verify the model of revocation: docs/model/
	@docs/model/run.sh $(B)/model

mutants: build $(B)/oracle ## change each cell and each rule: some test must fail
	@misc/mutants.pl --jobs=$(JOBS)


# Checks of the source

.PHONY: lint
lint: $(B)/dynamic/objs/Makefile $(B)/dmp1_lua.h $(B)/init_text.h ## style, clang-tidy, cppcheck
	@JOBS=$(JOBS) NGX_SRC=$(NGX_SRC) misc/lint.sh


# Running it

.PHONY: demo demo-stop drill bench bench-growth bench-sign-in bench-check install clean
demo: deps ## play the whole story on this machine
	@$(MAKE) -j$(JOBS) build
	@demo/run.sh

demo-stop: ## end what "make demo" started
	@demo/run.sh stop

drill: deps ## try every side door, with and without the gateway
	@$(MAKE) -j$(JOBS) build
	@drill/run.sh

bench: deps ## measure side by side with its peers
	@$(MAKE) -j$(JOBS) build
	@bench/run.sh

bench-growth: deps ## measure how costs grow with what there is
	@$(MAKE) -j$(JOBS) build
	@bench/growth/run.sh

bench-sign-in: deps ## measure what sign-ins cost, and reads beside them
	@$(MAKE) -j$(JOBS) build
	@bench/sign-in/run.sh

bench-check: deps ## compare with the last release, or REF: no slower?
	@bench/check/run.sh $(REF)

install: build ## install the module, dmpctl, dmp-notifyd, policy, notices
	install -D -m 644 $(B)/ngx_http_dmp_module.so \
	    $(DESTDIR)$(NGX_MOD)/ngx_http_dmp_module.so
	install -D -m 755 $(B)/dmpctl $(DESTDIR)$(PREFIX)/bin/dmpctl
	install -D -m 755 $(B)/dmp-notifyd $(DESTDIR)$(PREFIX)/bin/dmp-notifyd
	install -D -m 644 conf/dmp-notifyd.service \
	    $(DESTDIR)/lib/systemd/system/dmp-notifyd.service
	install -d $(DESTDIR)$(PREFIX)/share/ngx_http_dmp/notices
	install -m 644 conf/notices/*.txt \
	    $(DESTDIR)$(PREFIX)/share/ngx_http_dmp/notices
	install -d $(DESTDIR)$(PREFIX)/share/ngx_http_dmp/policy
	install -m 644 conf/policy/*.json \
	    $(DESTDIR)$(PREFIX)/share/ngx_http_dmp/policy
	install -d $(DESTDIR)$(PREFIX)/share/nginx/modules-available
	echo 'load_module modules/ngx_http_dmp_module.so;' \
	    >$(DESTDIR)$(PREFIX)/share/nginx/modules-available/mod-http-dmp.conf

clean: ## remove what was built
	rm -rf $(B)


-include $(shell find $(B) -name valkey -prune -o -type f -name '*.d' -print 2>/dev/null)
