# check-bpf: the programs by BPF_PROG_TEST_RUN (root), and their parser natively.
BPF_TEST_BIN := $(B)/tests/bpf/parse_test $(B)/tests/bpf/policy_test
BPF_TEST_OBJ := $(call obj,$(addprefix tests/bpf/,packet.c world.c rows.c policy_test.c))

$(BPF_TEST_OBJ): $(SKEL)

$(B)/tests/bpf/policy_test: $(BPF_TEST_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz

$(B)/tests/bpf/parse_test: $(call obj,tests/bpf/parse_test.c tests/bpf/packet.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lcmocka

.PHONY: check-bpf
check-bpf: $(BPF_TEST_BIN)
	$(Q)r=0; for t in $(BPF_TEST_BIN); do $$t || r=1; done; exit $$r
