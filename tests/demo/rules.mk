# SPDX-License-Identifier: Apache-2.0
# ./hack/demo as a newcomer runs it, and what it leaves behind: nothing. Included by tests.mk.
.PHONY: check-demo
check-demo:
	$(Q)tests/demo/run
