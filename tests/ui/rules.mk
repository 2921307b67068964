# SPDX-License-Identifier: Apache-2.0
# The page of `bulkheadctl ui` in a real Chromium. Included by tests.mk.
.PHONY: check-ui
check-ui: all $$(PROBE)
	$(Q)tests/ui/run $(ARGS)
