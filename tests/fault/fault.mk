# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# System calls that fail and processes that are killed: a minute's worth of
# the points, or with "make soak" all of them and every lie to the broker.
faults: all
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) \
	    -m 'not long' tests/fault

soak: all $(OUT)/proto/liar $(OUT)/proto/abuse
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) -m long tests/fault
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) -m long tests/proto

.PHONY: faults soak
