# SPDX-License-Identifier: Apache-2.0
# Test programs. tests/unit mirrors the tree: tests/unit/DIR/x_test.c links what LINK_DIR names, and
# cmocka, nothing else; points goes from manifests to verdicts. Each closes with cmocka's own line. Included by the Makefile.
CLUSTERS        := $(addprefix tests/oracle/,cluster.c policies.c segmentation.c roll.c print.c print_policy.c) # random ones
ORACLE          := $(addprefix tests/oracle/,oracle.c behind.c judge.c match.c whose.c)
LINK_util       := $(UTIL)
LINK_model      := $(UTIL) $(MODEL)
LINK_policy     := $(UTIL) $(MODEL) $(POLICY) $(CLUSTERS)
LINK_oracle     := $(UTIL) $(MODEL) $(ORACLE)
LINK_kube       := $(UTIL) $(MODEL) $(KUBE)
LINK_status     := $(UTIL) $(MODEL) $(KUBE) $(STATUS)
LINK_points     := $(UTIL) $(MODEL) $(KUBE) $(POLICY) $(CLUSTERS)
LINK_hook       := $(UTIL) $(HOOK)
LINK_api        := $(UTIL) $(MODEL) $(API)
LINK_http       := $(UTIL) $(HTTP)
LINK_dataplane  := $(UTIL) $(MODEL) $(POLICY) $(HOOK) $(DP)
LINK_ctl        := $(UTIL) $(MODEL) $(API_CLIENT) $(HTTP) $(filter-out agent/ctl/main.c,$(CTL)) agent/kube/yaml.c
LINK_chain      := $(UTIL) $(CHAIN) agent/loop.c
LINK_preflight  := $(LINK_chain) agent/preflight_judge.c
LINK_cni-plugin := $(UTIL) $(MODEL) $(HOOK) $(API_CLIENT) $(filter-out cni-plugin/main.c,$(PLUGIN))
LINK_agent      := $(UTIL) $(MODEL) $(POLICY) $(HOOK) $(API) $(addprefix agent/,apart.c loop.c find.c names.c inforce.c content.c lock.c match.c conntrack.c timeouts.c podcidrs.c meant.c picks.c query.c behind.c closest.c why.c jsonx.c exposition.c flowlog.c denied_pace.c health.c)
# The API server is the test's own here.
LINK_source     := $(UTIL) $(MODEL) $(filter-out agent/kube/http.c,$(KUBE))
# So is the source, to which an Event goes.
LINK_event      := $(UTIL) $(MODEL) agent/event.c
# The data plane is the test's own here.
LINK_reconcile  := $(UTIL) $(MODEL) $(POLICY) $(addprefix agent/,loop.c reconcile.c inforce.c content.c kube/kinds.c)
LIBS_kube       := -ljson-c -lyaml -lcurl
LIBS_points     := $(LIBS_kube)
LIBS_status     := $(LIBS_kube)
LIBS_source     := -ljson-c -lyaml
LIBS_agent      := -ljson-c
LIBS_api        := -ljson-c
LIBS_chain      := -ljson-c
LIBS_preflight  := -ljson-c
LIBS_ctl        := -ljson-c -lyaml
LIBS_cni-plugin := -ljson-c
LIBS_dataplane  := -lbpf -lelf -lz -pthread

UNIT_SRC := $(wildcard tests/unit/*/*_test.c)
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT_SRC))

# Apart, because a % in a static pattern's prerequisites would be the stem.
unit_dir = $(notdir $(patsubst %/,%,$(dir $(1))))

.SECONDEXPANSION:
$(UNIT_BIN): $(B)/tests/unit/%: $(B)/tests/unit/%.o $$(call obj,$$(LINK_$$(call unit_dir,$$*)))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LIBS_$(call unit_dir,$*)) -lcmocka

# They run the program, in the shells that are here.
$(B)/tests/unit/ctl/shells_test: | $(B)/bulkheadctl

.PHONY: unit check
unit: $(UNIT_BIN)
UNIT_RUN := $(UNIT_BIN:%=run/%)
.PHONY: $(UNIT_RUN)
$(UNIT_RUN): run/%: %
	$(Q)$<

# With -k the others run when one fails; -j runs several at a time, -Otarget tells each in one piece.
check: unit check-pure $(UNIT_RUN)

# Other suites keep their rules beside their sources.
-include $(wildcard tests/*/rules.mk)
