# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# The benchmark: berth beside its peers and beside the floors of tests/bench.
#
#   make bench [BENCH=ROW,...] [ROUNDS=N] [IMAGES=NAME,...]
#
# ROW is one of the names that tests/bench/bench.py --help lists.

BENCH	 ?=
ROUNDS	 ?=
IMAGES	 ?=
FLOORS	 = $(addprefix $(OUT)/bench/,pullfloor startfloor healthfloor)

$(OUT)/bench/pullfloor: $(call obj,tests/bench/pullfloor.o tests/bench/untar.o)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcurl -ljansson -lcrypto -lisal -lzstd \
	    -lpthread
$(OUT)/bench/startfloor: $(call obj,tests/bench/startfloor.o)
	@mkdir -p $(@D)
	$(CC) $(STATIC_LDFLAGS) -o $@ $^
$(OUT)/bench/healthfloor: $(call obj,tests/bench/healthfloor.o)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -levent

# For tests/e2e/test_counts.py: the layer job, its instructions to be counted.
$(OUT)/bench/unpackone: $(call obj,tests/bench/unpackone.o \
	   $(filter-out broker/unpack/unpack.o,$(UNPACK)))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -Wl,--wrap=syscall -o $@ $^ $(UNPACK_LIBS)

floors: $(FLOORS)

bench:
	@sh tests/packages.sh bench
	@$(MAKE) -s --no-print-directory $(JOBS) all floors
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTHON) \
	    tests/bench/bench.py $(if $(BENCH),--rows=$(BENCH)) \
	    $(if $(ROUNDS),--rounds=$(ROUNDS)) \
	    $(if $(IMAGES),--images=$(IMAGES))

.PHONY: bench floors
