# SPDX-License-Identifier: Apache-2.0
# Bulkhead as its users get it: image and chart, on clusters of hack/cluster. Included by tests.mk.
REFEREE := $(B)/tests/e2e/referee
REFEREE_OBJ := $(call obj,tests/e2e/referee.c $(ORACLE) $(UTIL) $(MODEL) $(KUBE))

$(REFEREE): $(REFEREE_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LIBS_kube)

.PHONY: check-e2e
check-e2e: all $(PROBE) $(STATIC_PROBE) $(REFEREE)
	$(Q)tests/e2e/run $(ARGS)
