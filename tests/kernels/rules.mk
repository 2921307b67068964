# Other kernels under qemu. Included by tests.mk. Takes along whatever table tests of the programs there are.
.PHONY: check-kernels
check-kernels: all $(PROBE)
	$(Q)tests/kernels/run $(KERNELS)
