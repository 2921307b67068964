# SPDX-License-Identifier: Apache-2.0
# The integration suite: real namespaces and veths, the real chain. Included by tests.mk.
PROBE := $(addprefix $(B)/tests/integration/,probe flood)

$(PROBE): %: %.o
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^

# They do not include our headers: no skeleton needed.
$(addsuffix .o,$(PROBE)): $(B)/tests/integration/%.o: tests/integration/%.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# What `bulkheadctl perf` says of a load of our own making: flows, new connections, denials, over real veths.
SECONDS ?= 10
.PHONY: test-perf
test-perf: all next $(PROBE)
	$(Q)BH_PERF_SECONDS=$(SECONDS) tests/integration/run -k Perf -t load
	@cat $(B)/test-logs/integration/perf.txt

.PHONY: check-integration
check-integration: all next $(PROBE)
	$(Q)tests/integration/run $(ARGS)
