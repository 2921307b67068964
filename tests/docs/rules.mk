# SPDX-License-Identifier: Apache-2.0
# The docs against the tree, with the unit tests. Included by tests.mk.
.PHONY: check-docs
check: check-docs
check-docs: $(B)/bulkheadctl
	$(Q)BH_BUILD=$(B) tests/docs/run $(ARGS)
