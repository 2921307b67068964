# SPDX-License-Identifier: Apache-2.0
# check-bpf: the programs by BPF_PROG_TEST_RUN and on a veth (root), and natively what they share.
BPF_TEST_BIN := $(addprefix $(B)/tests/bpf/,parse_test session_test policy_test live_test)
BPF_WORLD_OBJ := $(call obj,tests/bpf/packet.c tests/bpf/world.c)

$(call obj,$(wildcard tests/bpf/*.c)): $(SKEL)

$(B)/tests/bpf/policy_test: $(call obj,tests/bpf/policy_test.c tests/bpf/rows.c) $(BPF_WORLD_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz

$(B)/tests/bpf/live_test: $(call obj,tests/bpf/live_test.c) $(BPF_WORLD_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz

$(B)/tests/bpf/parse_test: $(call obj,tests/bpf/parse_test.c tests/bpf/packet.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lcmocka

$(B)/tests/bpf/session_test: $(call obj,tests/bpf/session_test.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lcmocka

.PHONY: check-bpf
check-bpf: $(BPF_TEST_BIN)
	$(Q)r=0; for t in $(BPF_TEST_BIN); do $$t || r=1; done; exit $$r
