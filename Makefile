# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# berth: one flat Makefile.  The object lists say who links what; what a
# program may link at all is checked by tests/links.sh.
#
#   make            build into out/
#   make check      what a fresh machine needs, then every test but the long
#   make fuzz       each fuzz target for FUZZ_SECONDS (60)
#   make demo       the whole story on a loopback registry
#   make lint       line budgets, mandoc, static analysis
#   make check SANITIZE=1   the tests again, with ASan and UBSan, out-san/
#   make install    into $(DESTDIR)$(PREFIX)
#   make uninstall  takes away the same, but for the configuration

PREFIX	 ?= /usr/local
BINDIR	 ?= $(PREFIX)/bin
SBINDIR	 ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/berth
MANDIR	 ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc/berth

CC	 ?= cc
OUT	 ?= $(if $(SANITIZE),out-san,out)
VERSION	 = 0.1.0

WARN	 = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	   -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef
HARDEN	 = -fPIE -fstack-protector-strong -fstack-clash-protection \
	   -fcf-protection=full -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
DEFS	 = -D_GNU_SOURCE -DBERTH_VERSION='"$(VERSION)"' \
	   -DBERTH_LIBEXECDIR='"$(LIBEXECDIR)"' -DBERTH_BINDIR='"$(BINDIR)"' \
	   -DBERTH_SBINDIR='"$(SBINDIR)"' -DBERTH_SYSCONFDIR='"$(SYSCONFDIR)"'
OPT	 ?= -O2 -g
ifdef DEBUG
DEFS	+= -DBERTH_DEBUG
endif
ifdef SANITIZE
# A static program cannot have ASan: of init's objects there is a second set,
# which traps where UBSan would speak.
HARDEN	 = -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE \
	   -fno-omit-frame-pointer $(SAN)
SAN	 = -fsanitize=address,undefined -fno-sanitize-recover=all
INIT_SAN = -fsanitize=undefined -fsanitize-undefined-trap-on-error
INIT_OBJDIR = $(OUT)/obj-init
SAN_OBJ	 = $(OUT)/obj/tests/sanitize.o
else
WERROR	 = -Werror
INIT_OBJDIR = $(OUT)/obj
endif
ALL_CFLAGS = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(DEFS) -I$(OUT)/gen $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(SAN) \
	   $(LDFLAGS)
STATIC_LDFLAGS = -static-pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)
# The command line needs libc alone, and a loader costs it a third of its start.
CLI_LDFLAGS = $(if $(SAN),$(ALL_LDFLAGS),$(STATIC_LDFLAGS))

# Who receives what: the broker, the engine, everybody else, and tests.
PROTO_BOTH = proto/msg.o proto/msg_check.o proto/chan.o
PROTO_BROKER = $(PROTO_BOTH) proto/msg_check_broker.o
PROTO_ENGINE = $(PROTO_BOTH) proto/msg_check_name.o proto/msg_check_engine.o
PROTO	 = $(PROTO_BOTH) proto/msg_check_name.o proto/msg_check_helper.o
PROTO_ALL = $(PROTO_ENGINE) proto/msg_check_broker.o proto/msg_check_helper.o
COMMON	 = common/log.o common/valid.o common/refname.o
BROKER_COMMON = common/log.o common/valid.o
SANDBOX	 = common/sandbox.o common/drop.o common/fence.o common/selftest.o \
	   $(if $(DEBUG),common/trap.o)

BROKER	 = broker/berthd.o broker/confine.o broker/conf.o broker/store.o \
	   broker/listen.o broker/dispatch.o broker/engine.o broker/child.o \
	   broker/cgroup.o \
	   proto/evchan.o common/spawn.o \
	   common/drop.o common/noresolve.o $(if $(DEBUG),common/trap.o) \
	   $(PROTO_BROKER) $(BROKER_COMMON)
BROKER_LIBS = $(call lib,event_core)

ENGINE	 = worker/engine/engine.o $(ENGINE_MORE) worker/file.o \
	   proto/evchan.o common/record.o common/noresolve.o $(SANDBOX) \
	   $(PROTO_ENGINE) $(COMMON)
ENGINE_MORE = $(addprefix worker/engine/,applog.o audit.o broker.o child.o \
	   client.o commit.o control.o dispatch.o durable.o fetch.o http.o \
	   image.o layer.o pod.o refs.o stack.o store.o trash.o)
ENGINE_LIBS = $(call lib,event_core) $(call lib,bsd) $(call lib,md)

UNPACK	 = broker/unpack/unpack.o $(UNPACK_MORE) \
	   common/record.o $(SANDBOX) $(PROTO) $(COMMON)
UNPACK_MORE = $(addprefix broker/unpack/,agree.o apply.o applydir.o \
	   applylink.o applymeta.o applyrm.o blob.o decode.o empty.o hash.o \
	   layer.o ring.o skeleton.o skelwrite.o table.o tarhead.o tarpax.o \
	   tarwalk.o model.o verify.o verifyattr.o verifyscan.o verifysparse.o)
UNPACK_MORE += $(addprefix broker/unpack/,aci.o acifield.o apprecord.o \
	   check.o config.o digest.o document.o export.o exportaci.o \
	   exportoci.o image.o index.o json.o jsonout.o manifest.o \
	   outfile.o pathtree.o tarout.o tarpaxout.o)
# Linked in where there is an archive to link: of these libraries a helper
# uses little, and loading all that they bring took most of its time.
UNPACK_LIBS = -Wl,--gc-sections $(call lib,archive) -lisal $(call lib,z) \
	   $(call lib,zstd) $(call lib,crypto) $(call lib,jansson) \
	   $(call lib,bsd) $(call lib,md) -lpthread
# The same of a whole program, where all it needs has an archive.
static_if = $(if $(or $(SAN),$(filter -l%,$(1))),$(ALL_LDFLAGS),$(STATIC_LDFLAGS))
lib	 = $(or $(filter /%,$(shell $(CC) -print-file-name=lib$(1).a)),-l$(1))

INIT	 = broker/init/init.o $(INIT_MORE) \
	   common/record.o $(SANDBOX) $(PROTO) $(COMMON)
INIT_MORE = $(addprefix broker/init/,app.o appconfig.o dev.o etc.o fail.o \
	   mask.o mnt.o rootfs.o stdio.o upper.o user.o)
INIT_LIBS =

HTTP	 = worker/http/http.o $(HTTP_MORE) \
	   proto/evchan.o $(SANDBOX) $(PROTO) $(COMMON)
HTTP_MORE = worker/link.o worker/http/http_conn.o worker/http/http_parse.o \
	   worker/http/http_query.o worker/http/http_wait.o \
	   worker/http/reply.o worker/http/routes.o
HTTP_LIBS = $(call lib,event_core) $(call lib,bsd) $(call lib,md)

FETCH	 = worker/fetch/fetch.o $(FETCH_MORE) \
	   proto/evchan.o $(SANDBOX) $(PROTO) $(COMMON)
FETCH_MORE = $(addprefix worker/fetch/,addr.o answer.o auth.o blob.o \
	   challenge.o doc.o error.o head.o header.o http.o registry.o \
	   retry.o url.o) worker/link.o common/ref.o
FETCH_LIBS = -lcurl -lssl -lcrypto -ljansson -levent_core -lbsd

CONF	 = worker/conf/conf.o $(CONF_MORE) worker/link.o \
	   common/record.o common/ref.o $(SANDBOX) $(PROTO) $(COMMON)
CONF_MORE = worker/conf/config.o worker/conf/parse.o worker/conf/print.o \
	   worker/conf/set.o worker/file.o worker/insecure.o worker/subids.o
CONF_LIBS = $(call lib,bsd) $(call lib,md)

CLI	 = worker/cli/berth.o $(CLI_MORE) \
	   common/spawn.o common/record.o $(PROTO) $(COMMON)
CLI_MORE = $(addprefix worker/cli/,answer.o check.o connect.o envfile.o \
	   export.o fetch.o format.o help.o image.o name.o options.o probe.o \
	   probens.o procs.o progress.o run.o session.o signals.o stream.o \
	   tty.o value.o) worker/file.o worker/insecure.o \
	   worker/subids.o common/fence.o common/ref.o
CLI_LIBS =

PROGS	 = $(addprefix $(OUT)/,berth berthd berth-init berth-unpack \
	   berth-http berth-fetch berth-conf berth-engine)

all: $(PROGS)

obj	 = $(addprefix $(OUT)/obj/,$(1))

$(OUT)/berthd: $(call obj,$(BROKER)) $(SAN_OBJ)
	$(CC) $(call static_if,$(BROKER_LIBS)) -o $@ $^ $(BROKER_LIBS)
$(OUT)/berth-unpack: $(call obj,$(UNPACK)) $(SAN_OBJ)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(UNPACK_LIBS)
$(OUT)/berth-init: $(addprefix $(INIT_OBJDIR)/,$(INIT))
	$(CC) $(STATIC_LDFLAGS) $(if $(DEBUG),,-s) -o $@ $^ $(INIT_LIBS)
$(OUT)/berth-http: $(call obj,$(HTTP)) $(SAN_OBJ)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(HTTP_LIBS)
$(OUT)/berth-fetch: $(call obj,$(FETCH)) $(SAN_OBJ)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(FETCH_LIBS)
$(OUT)/berth-conf: $(call obj,$(CONF)) $(SAN_OBJ)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CONF_LIBS)
$(OUT)/berth-engine: $(call obj,$(ENGINE)) $(SAN_OBJ)
	$(CC) $(call static_if,$(ENGINE_LIBS)) -o $@ $^ $(ENGINE_LIBS)
$(OUT)/berth: $(call obj,$(CLI)) $(SAN_OBJ)
	$(CC) $(CLI_LDFLAGS) -o $@ $^ $(CLI_LIBS)

$(OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(OUT)/obj-init/%.o: SAN = $(INIT_SAN)
$(OUT)/obj-init/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The grammar of berthd.conf.  bison's own code is not ours to warn about.
$(OUT)/gen/parse.c: worker/conf/parse.y
	@mkdir -p $(@D)
	bison -o $@ $<
$(OUT)/obj/worker/conf/parse.o: $(OUT)/gen/parse.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Iworker/conf -Wno-conversion -MMD -MP -c -o $@ $<

# Filters are compiled here, never at run time.
$(OUT)/seccomp-gen: common/seccomp-gen.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -pie -o $@ $< -lseccomp
SECCOMP	 = $(patsubst %.seccomp,$(OUT)/gen/%.bpf.h,$(notdir $(wildcard \
	   broker/*.seccomp broker/*/*.seccomp worker/*/*.seccomp)))
$(OUT)/gen/%.bpf.h: broker/%.seccomp $(OUT)/seccomp-gen
	@mkdir -p $(@D)
	$(OUT)/seccomp-gen $(if $(DEBUG),-d) $* < $< > $@.tmp && mv $@.tmp $@
$(OUT)/gen/%.bpf.h: broker/init/%.seccomp $(OUT)/seccomp-gen
	@mkdir -p $(@D)
	$(OUT)/seccomp-gen $(if $(DEBUG),-d) $* < $< > $@.tmp && mv $@.tmp $@
$(OUT)/gen/%.bpf.h: broker/unpack/%.seccomp $(OUT)/seccomp-gen
	@mkdir -p $(@D)
	$(OUT)/seccomp-gen $(if $(DEBUG),-d) $* < $< > $@.tmp && mv $@.tmp $@
$(OUT)/gen/%.bpf.h: worker/http/%.seccomp $(OUT)/seccomp-gen
	@mkdir -p $(@D)
	$(OUT)/seccomp-gen $(if $(DEBUG),-d) $* < $< > $@.tmp && mv $@.tmp $@
$(OUT)/gen/%.bpf.h: worker/engine/%.seccomp $(OUT)/seccomp-gen
	@mkdir -p $(@D)
	$(OUT)/seccomp-gen $(if $(DEBUG),-d) $* < $< > $@.tmp && mv $@.tmp $@
$(OUT)/gen/%.bpf.h: worker/conf/%.seccomp $(OUT)/seccomp-gen
	@mkdir -p $(@D)
	$(OUT)/seccomp-gen $(if $(DEBUG),-d) $* < $< > $@.tmp && mv $@.tmp $@
$(OUT)/gen/%.bpf.h: worker/fetch/%.seccomp $(OUT)/seccomp-gen
	@mkdir -p $(@D)
	$(OUT)/seccomp-gen $(if $(DEBUG),-d) $* < $< > $@.tmp && mv $@.tmp $@
$(call obj,broker/confine.o broker/init/init.o $(INIT_MORE)) \
$(addprefix $(OUT)/obj-init/,broker/init/init.o $(INIT_MORE)) \
$(call obj,broker/unpack/unpack.o $(UNPACK_MORE)) \
$(call obj,worker/http/http.o $(HTTP_MORE)) \
$(call obj,worker/conf/conf.o worker/engine/engine.o) \
$(call obj,worker/fetch/fetch.o $(FETCH_MORE)): | $(SECCOMP)

# Names for the system calls that a debug build says it was refused.
$(OUT)/gen/syscalls.h:
	@mkdir -p $(@D)
	echo '#include <sys/syscall.h>' | $(CC) -E -dM - | sed -n \
	    's/^#define SYS_\([a-z0-9_]*\) .*/	[SYS_\1] = "\1",/p' \
	    >$@.tmp && mv $@.tmp $@
$(call obj,common/trap.o): | $(OUT)/gen/syscalls.h

clean:
	rm -rf $(OUT)

# Tests.  The rules above make the programs; nothing below does.

# Root is what the end-to-end tests need; building and unit tests do not.
AS_ROOT	 = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTHON	 = /usr/bin/python3
PYTEST	 = PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -q \
	   -p no:cacheprovider
JOBS	 = -j$(shell nproc)

# Each unit test names the objects it links, beside its own and cmocka.
UNIT	 = $(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c)))
test_chan_OBJS = $(PROTO_ALL) $(COMMON)
test_record_OBJS = common/record.o
test_addr_OBJS = worker/fetch/addr.o
test_challenge_OBJS = worker/fetch/challenge.o
test_http_head_OBJS = $(addprefix worker/fetch/,head.o header.o retry.o \
	   challenge.o) common/valid.o
test_url_OBJS = worker/fetch/url.o worker/fetch/header.o
test_url_LIBS = -lcurl
test_ref_OBJS = common/ref.o common/refname.o common/valid.o
test_valid_OBJS = common/valid.o common/log.o
test_options_OBJS = worker/cli/options.o worker/cli/value.o \
	   worker/cli/envfile.o worker/insecure.o common/log.o common/valid.o
test_http_parse_OBJS = worker/http/http_parse.o
test_http_query_OBJS = worker/http/http_query.o common/valid.o
test_config_OBJS = $(CONF_MORE) common/log.o common/ref.o common/refname.o \
	   common/valid.o

IMAGE_OBJS = $(addprefix broker/unpack/,json.o digest.o manifest.o index.o \
	   config.o apprecord.o jsonout.o acifield.o aci.o tarout.o \
	   document.o) common/record.o common/valid.o common/log.o
IMAGE_LIBS = -lcrypto -ljansson
test_manifest_OBJS = $(IMAGE_OBJS)
test_manifest_LIBS = $(IMAGE_LIBS)
test_index_OBJS = $(IMAGE_OBJS)
test_index_LIBS = $(IMAGE_LIBS)
test_imageconfig_OBJS = $(IMAGE_OBJS)
test_imageconfig_LIBS = $(IMAGE_LIBS)
test_aci_OBJS = $(IMAGE_OBJS)
test_aci_LIBS = $(IMAGE_LIBS)
test_apprecord_OBJS = $(IMAGE_OBJS)
test_apprecord_LIBS = $(IMAGE_LIBS)
test_pathtree_OBJS = $(IMAGE_OBJS) broker/unpack/pathtree.o
test_pathtree_LIBS = $(IMAGE_LIBS)

test_tarwalk_OBJS = $(addprefix broker/unpack/,tarwalk.o tarhead.o \
	   tarpax.o) common/log.o
test_child_OBJS = worker/engine/child.o proto/evchan.o $(PROTO_ENGINE) $(COMMON)
test_child_LIBS = -levent_core
test_durable_OBJS = worker/engine/durable.o common/log.o
test_durable_LIBS = -levent_core
test_decode_OBJS = broker/unpack/decode.o
test_decode_LIBS = -lisal -lz -lzstd
test_ring_OBJS = $(addprefix broker/unpack/,ring.o decode.o hash.o)
test_ring_LIBS = -lisal -lz -lzstd -lcrypto -lpthread

test_user_OBJS = broker/init/user.o
test_appconfig_OBJS = broker/init/appconfig.o common/record.o
$(OUT)/obj/tests/unit/test_container_filter.o: | $(OUT)/gen/container.bpf.h
test_trap_OBJS = common/drop.o common/fence.o common/selftest.o \
	   common/trap.o common/log.o
$(OUT)/obj/tests/unit/test_trap.o $(OUT)/obj/tests/unit/test_broker_filter.o: \
	   | $(SECCOMP)

define unit_rule
$$(OUT)/unit/$(1): $$(OUT)/obj/tests/unit/$(1).o $$(call obj,$$($(1)_OBJS))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$($(1)_LIBS) -lcmocka -lbsd
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

unit: $(addprefix $(OUT)/unit/,$(UNIT))
	@set -e; for t in $(UNIT); do $(OUT)/unit/$$t; done

include tests/fuzz/fuzz.mk

include tests/proto/proto.mk

include tests/fault/fault.mk

include tests/bench/bench.mk

# The second compiler reads every source once; warnings are errors.
CLANG_SRCS = $(wildcard broker/*.c broker/*/*.c common/*.c proto/*.c \
	   worker/*/*.c tests/unit/*.c)
clang: $(SECCOMP) $(OUT)/gen/parse.c $(OUT)/gen/syscalls.h
	@printf '%s\n' $(CLANG_SRCS) | xargs -P $(shell nproc) -n 4 \
	    clang -fsyntax-only -Werror $(ALL_CFLAGS) -Iworker/conf

check:
	@sh tests/packages.sh check
	@echo "== gcc"
	@$(MAKE) -s --no-print-directory $(JOBS) CFLAGS=$(WERROR) all
	@echo "== unit tests"
	@$(MAKE) -s --no-print-directory $(JOBS) CFLAGS=$(WERROR) unit
ifndef SANITIZE
	@$(MAKE) -s --no-print-directory $(JOBS) CFLAGS=$(WERROR) \
	    $(OUT)/bench/unpackone
	@echo "== clang"
	@$(MAKE) -s --no-print-directory clang
	@echo "== fuzz targets"
	@$(MAKE) -s --no-print-directory $(JOBS) fuzz-build
	@$(MAKE) -s --no-print-directory fuzz-short
endif
	@echo "== shell tests"
	@set -e; for t in tests/*.sh; do \
	    case $$t in */packages.sh|*/demo.sh|*/lint.sh) continue;; \
	    */links.sh) [ -z "$(SANITIZE)" ] || continue;; esac; \
	    sh $$t $(OUT); done
	@echo "== end to end"
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) \
	    BERTH_SANITIZE=$(SANITIZE) $(PYTEST) -m 'not long' tests/e2e tests/hostile
	@echo "== protocol abuse"
	@$(MAKE) -s --no-print-directory $(JOBS) CFLAGS=$(WERROR) abuse
ifndef SANITIZE
	@echo "== faults"
	@$(MAKE) -s --no-print-directory faults
endif

# With what takes minutes: images of 100 MB and more, kills at every moment.
check-full:
	@$(MAKE) --no-print-directory check
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) \
	    $(PYTEST) -m long tests/e2e tests/hostile

demo:
	@sh tests/packages.sh demo
	@$(MAKE) --no-print-directory $(JOBS) all >$(OUT).log 2>&1 || \
	    { cat $(OUT).log >&2; exit 1; }; rm -f $(OUT).log
	@$(AS_ROOT) env IMAGE="$(IMAGE)" tests/demo.sh $(abspath $(OUT))

# What tries to get out of a container, from inside.
PROBE	 = $(addprefix tests/hostile/,probe.o probe_calls.o probe_files.o \
	   probe_self.o)
$(OUT)/probe: $(addprefix $(INIT_OBJDIR)/,$(PROBE))
	$(CC) $(STATIC_LDFLAGS) -o $@ $^

# What the analyzers read is made behind what makes it.
lint:
	@sh tests/packages.sh lint
	@$(MAKE) -s --no-print-directory $(SECCOMP) $(OUT)/gen/parse.c \
	    $(OUT)/gen/syscalls.h
	@sh tests/lint.sh $(OUT) full
print-broker:
	@echo $(BROKER)

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) \
	    $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(SYSCONFDIR) \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
	    $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8
	install -m 755 $(OUT)/berth $(DESTDIR)$(BINDIR)
	install -m 755 $(OUT)/berthd $(DESTDIR)$(SBINDIR)
	install -m 755 $(addprefix $(OUT)/,berth-init berth-unpack \
	    berth-http berth-fetch berth-conf berth-engine) \
	    $(DESTDIR)$(LIBEXECDIR)
	install -m 644 worker/cli/berth.1 $(DESTDIR)$(MANDIR)/man1
	install -m 644 etc/berthd.conf.5 $(DESTDIR)$(MANDIR)/man5
	install -m 644 proto/berth-proto.7 $(DESTDIR)$(MANDIR)/man7
	install -m 644 broker/berthd.8 $(DESTDIR)$(MANDIR)/man8
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 etc/completions/berth.bash \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/berth
	test -e $(DESTDIR)$(SYSCONFDIR)/berthd.conf || \
	    install -m 644 etc/berthd.conf $(DESTDIR)$(SYSCONFDIR)

# What install puts, file by file, and the one directory that is ours alone.
# The configuration and what the store holds are the administrator's.
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/berth $(DESTDIR)$(SBINDIR)/berthd \
	    $(addprefix $(DESTDIR)$(LIBEXECDIR)/,berth-init berth-unpack \
	    berth-http berth-fetch berth-conf berth-engine) \
	    $(addprefix $(DESTDIR)$(MANDIR)/,man1/berth.1 \
	    man5/berthd.conf.5 man7/berth-proto.7 man8/berthd.8) \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/berth
	[ ! -d $(DESTDIR)$(LIBEXECDIR) ] || \
	    rmdir --ignore-fail-on-non-empty $(DESTDIR)$(LIBEXECDIR)
	@echo "left alone: $(DESTDIR)$(SYSCONFDIR)/berthd.conf and the store" \
	    "(/var/lib/berth, unless told otherwise)"

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

.PHONY: all clean unit clang check check-full demo lint \
	print-broker install uninstall
.DELETE_ON_ERROR:
