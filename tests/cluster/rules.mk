# SPDX-License-Identifier: Apache-2.0
# The cluster suite: hack/cluster, and policies on it. Included by tests.mk.
# The integration suite's probe again, as the only file of an image.
STATIC_PROBE := $(B)/tests/cluster/probe

$(STATIC_PROBE): tests/integration/probe.c
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out $(SANFLAGS),$(CFLAGS)) -static-pie -o $@ $<

.PHONY: check-cluster
check-cluster: all image $$(PROBE) $(STATIC_PROBE)
	$(Q)tests/cluster/run $(ARGS)
