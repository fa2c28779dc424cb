# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# System calls that fail and processes that are killed: a minute's worth of
# the points, or with "make soak" all of them, every lie to the broker, and
# the plug pulled on a machine under QEMU ("make vm": that alone).
faults: all
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) \
	    -m 'not long' tests/fault

soak: all $(OUT)/proto/liar $(OUT)/proto/abuse
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) -m long tests/fault
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) -m long tests/proto
	@$(MAKE) -s --no-print-directory vm

# Another kernel and cgroup v2: needs qemu-system-x86, takes minutes.
vm: all
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) -m long \
	    tests/e2e/test_vm.py

.PHONY: faults soak vm
