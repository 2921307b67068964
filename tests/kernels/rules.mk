# SPDX-License-Identifier: Apache-2.0
# Other kernels under qemu. Included by tests.mk. KERNELS="6.1" runs that one alone.
.PHONY: check-kernels
check-kernels: all $(PROBE) $$(BPF_TEST_BIN)
	$(Q)tests/kernels/run $(KERNELS)
