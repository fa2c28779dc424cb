# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# The protocol's abuse: a liar for every helper, and what drives it.
LIAR	 = $(addprefix tests/proto/,liar.o lieengine.o packet.o cases.o) \
	   $(PROTO_ALL) $(COMMON)
ABUSE	 = $(addprefix tests/proto/,abuse.o alone.o broker.o drive.o engine.o \
	   states.o floods.o packet.o cases.o) common/spawn.o $(PROTO_ALL) \
	   $(COMMON)

$(OUT)/gen/fields.h: tests/proto/fields.py proto/birth.h \
    proto/msg_broker.h proto/msg.h
	@mkdir -p $(@D)
	$(PYTHON) $^ > $@.tmp && mv $@.tmp $@
$(OUT)/obj/tests/proto/cases.o: | $(OUT)/gen/fields.h

# Static: it is executed some ten thousand times.
$(OUT)/proto/liar: $(call obj,$(LIAR))
	@mkdir -p $(@D)
	$(CC) $(if $(SANITIZE),$(ALL_LDFLAGS),$(STATIC_LDFLAGS)) -o $@ $^
$(OUT)/proto/abuse: $(call obj,$(ABUSE))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^

abuse: all $(OUT)/proto/liar $(OUT)/proto/abuse
	@$(AS_ROOT) env BERTH_OUT=$(abspath $(OUT)) $(PYTEST) \
	    -m 'not long' tests/proto

.PHONY: abuse
