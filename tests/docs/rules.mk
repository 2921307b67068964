# SPDX-License-Identifier: Apache-2.0
# The docs against the tree, with the unit tests; once, for they say the same under the sanitizers. Included by tests.mk.
.PHONY: check-docs
ifneq ($(SAN),1)
check: check-docs
endif
check-docs: $(B)/bulkheadctl $(B)/bulkhead-agent
	$(Q)BH_BUILD=$(B) tests/docs/run $(ARGS)
