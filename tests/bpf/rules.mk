# SPDX-License-Identifier: Apache-2.0
# check-bpf: the programs by BPF_PROG_TEST_RUN and on a veth (root), and natively what they share.
BPF_TEST_BIN := $(addprefix $(B)/tests/bpf/,parse_test session_test policy_test race_test live_test insns_test)
BPF_WORLD_OBJ := $(call obj,tests/bpf/packet.c tests/bpf/world.c)

$(call obj,$(wildcard tests/bpf/*.c)): $(SKEL)

$(B)/tests/bpf/policy_test: $(call obj,tests/bpf/policy_test.c tests/bpf/rows.c tests/bpf/rows_odd.c) $(BPF_WORLD_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz

$(B)/tests/bpf/race_test: $(call obj,tests/bpf/race_test.c agent/dataplane/lines.c $(UTIL)) $(BPF_WORLD_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz -pthread

$(B)/tests/bpf/live_test: $(call obj,tests/bpf/live_test.c) $(BPF_WORLD_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz

$(B)/tests/bpf/parse_test: $(call obj,tests/bpf/parse_test.c tests/bpf/packet.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lcmocka

$(B)/tests/bpf/session_test: $(call obj,tests/bpf/session_test.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lcmocka -pthread

$(B)/tests/bpf/insns_test: $(call obj,tests/bpf/insns_test.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz

.PHONY: check-bpf insns
check-bpf: $(BPF_TEST_BIN)
	$(Q)r=0; for t in $(BPF_TEST_BIN); do $$t || r=1; done; exit $$r

# What the verifier has to walk may have grown for a reason.
insns: $(B)/tests/bpf/insns_test
	$(Q)$< --write
