# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# Fuzz targets (libFuzzer, so clang), part of the Makefile.  Their objects
# are built apart, with sanitizers.
#
#	make fuzz [FUZZ_SECONDS=60] [FUZZ='fuzz_ref fuzz_tar']

FUZZ_CC	 ?= clang
FUZZ_SECONDS ?= 60
FUZZ_DIR = $(OUT)/fuzz
FUZZ_CFLAGS = -std=gnu11 -O1 -g $(WARN) $(DEFS) -I$(OUT)/gen \
	   -fsanitize=fuzzer-no-link,address,undefined \
	   -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_LDFLAGS = -fsanitize=fuzzer,address,undefined -Wl,--as-needed

# Debian's llhttp, as C source.
LLHTTP_DIR ?= /usr/share/llhttp
LLHTTP_INC ?= /usr/share/include

# Each target names the objects it links, beside its own.
FUZZ	 = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_addr_OBJS = worker/fetch/addr.o
fuzz_appconfig_OBJS = broker/init/appconfig.o common/record.o
fuzz_apply_OBJS = $(filter-out broker/unpack/unpack.o \
	   broker/unpack/layer.o broker/unpack/verify.o,$(UNPACK)) \
	   tests/fuzz/why.o tests/fuzz/cage.o tests/fuzz/tarmutate.o \
	   tests/fuzz/verifyone.o
fuzz_apply_LIBS = $(UNPACK_LIBS)
fuzz_audit_OBJS = worker/file.o common/log.o tests/fuzz/cage.o
fuzz_audit_LIBS = -lbsd -lmd
fuzz_challenge_OBJS = worker/fetch/challenge.o
fuzz_chan_OBJS = $(PROTO_ALL) $(COMMON)
fuzz_conf_OBJS = $(CONF_MORE) common/log.o common/ref.o common/refname.o \
	   common/valid.o
fuzz_conf_LIBS = -lbsd
fuzz_config_OBJS = $(IMAGE_OBJS) broker/init/appconfig.o tests/fuzz/why.o
fuzz_config_LIBS = $(IMAGE_LIBS) -lbsd
fuzz_decode_gzip_OBJS = broker/unpack/decode.o
fuzz_decode_gzip_LIBS = -lisal -lz -lzstd
fuzz_decode_zstd_OBJS = broker/unpack/decode.o
fuzz_decode_zstd_LIBS = -lisal -lz -lzstd
fuzz_envfile_OBJS = worker/cli/envfile.o worker/cli/value.o \
	   worker/cli/options.o worker/insecure.o common/log.o common/valid.o
fuzz_errorbody_OBJS = worker/fetch/error.o common/valid.o
fuzz_errorbody_LIBS = -lcurl -ljansson -lbsd
fuzz_head_OBJS = $(addprefix worker/fetch/,head.o header.o challenge.o) \
	   common/valid.o
fuzz_header_OBJS = $(addprefix worker/fetch/,header.o retry.o)
fuzz_http_llhttp_OBJS = worker/http/http_parse.o llhttp/llhttp.o \
	   llhttp/api.o llhttp/http.o
fuzz_http_parse_OBJS = worker/http/http_parse.o
fuzz_http_query_OBJS = worker/http/http_query.o $(PROTO_ALL) $(COMMON)
fuzz_index_OBJS = $(IMAGE_OBJS) tests/fuzz/why.o
fuzz_index_LIBS = $(IMAGE_LIBS) -lbsd
fuzz_manifest_OBJS = $(IMAGE_OBJS) tests/fuzz/why.o
fuzz_manifest_LIBS = $(IMAGE_LIBS) -lbsd
fuzz_msg_OBJS = $(PROTO_ALL) $(COMMON)
fuzz_pax_OBJS = $(FUZZ_TAR_OBJS)
fuzz_record_OBJS = common/record.o
fuzz_ref_OBJS = common/ref.o common/refname.o common/valid.o
fuzz_skeleton_OBJS = $(addprefix broker/unpack/,skeleton.o skelwrite.o) \
	   common/log.o tests/fuzz/cage.o
fuzz_skeleton_LIBS = -lisal -lz -lzstd
fuzz_spawn_OBJS = $(PROTO_ALL) $(COMMON)
fuzz_spawn_LIBS = -levent_core
fuzz_subids_OBJS = worker/subids.o worker/file.o
# The rule for attributes is the applier's, which drags the rest along.
FUZZ_TAR_OBJS = $(filter-out broker/unpack/unpack.o,$(UNPACK)) \
	   tests/fuzz/why.o tests/fuzz/tarmutate.o
fuzz_tar_OBJS = $(FUZZ_TAR_OBJS)
fuzz_tar_LIBS = $(UNPACK_LIBS)
fuzz_pax_LIBS = $(UNPACK_LIBS)
fuzz_token_OBJS = $(filter-out worker/fetch/fetch.o worker/fetch/auth.o,\
	   $(FETCH))
fuzz_token_LIBS = $(FETCH_LIBS)
fuzz_url_OBJS = $(addprefix worker/fetch/,url.o header.o)
fuzz_url_LIBS = -lcurl
fuzz_user_OBJS = broker/init/user.o

# Where there is nothing to compare with, the other targets still run.
ifeq ($(wildcard $(LLHTTP_DIR)/llhttp.c),)
FUZZ	:= $(filter-out fuzz_http_llhttp,$(FUZZ))
fuzz-skips:
	@echo "skip: fuzz_http_llhttp: no $(LLHTTP_DIR)/llhttp.c" \
	    "(Debian's node-llhttp)"
else
fuzz-skips:
endif

$(FUZZ_DIR)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
$(FUZZ_DIR)/obj/worker/conf/parse.o: $(OUT)/gen/parse.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -Iworker/conf -Wno-conversion -MMD -MP -c \
	    -o $@ $<
# Somebody else's code: its warnings are not ours, nor its sanitizing.
$(FUZZ_DIR)/obj/llhttp/%.o: $(LLHTTP_DIR)/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -std=gnu11 -O1 -g -w -DLLHTTP_STRICT_MODE=1 \
	    -I$(LLHTTP_INC)/llhttp -c -o $@ $<
$(FUZZ_DIR)/obj/tests/fuzz/fuzz_http_llhttp.o: FUZZ_CFLAGS += \
	   -DLLHTTP_STRICT_MODE=1 -isystem $(LLHTTP_INC)

define fuzz_rule
$$(FUZZ_DIR)/$(1): $$(addprefix $$(FUZZ_DIR)/obj/,tests/fuzz/$(1).o \
    $$($(1)_OBJS))
	@mkdir -p $$(@D)
	$$(FUZZ_CC) $$(FUZZ_LDFLAGS) -o $$@ $$^ $$($(1)_LIBS)
endef
$(foreach t,$(FUZZ),$(eval $(call fuzz_rule,$(t))))

fuzz-build: $(addprefix $(FUZZ_DIR)/,$(FUZZ))
fuzz: fuzz-build fuzz-skips
	@tests/fuzz/run.sh $(FUZZ_DIR) $(FUZZ_SECONDS) $(FUZZ_WORK) -- $(FUZZ)
# For make check: the corpus, which takes a tenth of a second, and four more.
fuzz-short: fuzz-build fuzz-skips
	@tests/fuzz/run.sh $(FUZZ_DIR) 4 -- $(FUZZ)

-include $(shell find $(FUZZ_DIR)/obj -name '*.d' 2>/dev/null)
.PHONY: fuzz fuzz-build fuzz-short fuzz-skips
