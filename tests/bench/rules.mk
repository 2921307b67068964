# SPDX-License-Identifier: Apache-2.0
# bench: figures, into $(B)/bench. Included by tests.mk. Needs root; ARGS names the benchmarks to run.
BENCH_C := datapath compile connect flows load model sweep
DATAPATH := $(addprefix tests/bench/,datapath.c datapath_rows.c datapath_world.c)
BENCH_BIN := $(patsubst %,$(B)/tests/bench/%,$(BENCH_C))

$(B)/datapath.bpf.o: tests/bench/datapath.bpf.c
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -Itests/bench -MMD -MP -c -o $@ $<

$(call obj,$(DATAPATH)): $(B)/datapath.skel.h

$(B)/tests/bench/datapath: $(call obj,$(DATAPATH) $(LINK_dataplane))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $(filter %.o,$^) $(LIBS_dataplane) -lcmocka

# The object's own sizes of maps say what fits.
$(B)/tests/bench/compile: $(call obj,tests/bench/compile.c $(LINK_policy))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LIBS_dataplane) -lcmocka

$(B)/tests/bench/model: $(call obj,tests/bench/model.c $(LINK_kube))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LIBS_kube)

$(B)/tests/bench/sweep: $(call obj,tests/bench/sweep.c agent/dataplane/lines.c $(UTIL))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lcrypto

$(addprefix $(B)/tests/bench/,connect flows load): $(B)/tests/bench/%: $(B)/tests/bench/%.o
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^

.PHONY: bench
bench: all $$(PROBE) $(BENCH_BIN)
	$(Q)BH_BUILD=$(abspath $(B)) tests/bench/run $(ARGS)
