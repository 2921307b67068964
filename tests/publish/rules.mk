# SPDX-License-Identifier: Apache-2.0
# Policy changed under a reader.
PUBLISH := $(B)/tests/publish/publish_test

$(B)/publish_reader.bpf.o: tests/publish/reader.bpf.c
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -Ibpf -MMD -MP -c -o $@ $<

$(B)/tests/publish/publish_test.o: $(B)/publish_reader.skel.h

$(PUBLISH): $(B)/tests/publish/publish_test.o $(call obj,$(LINK_dataplane))
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LIBS_dataplane) -lcmocka

.PHONY: check-publish
check-publish: $(PUBLISH)
	$(Q)$(PUBLISH)
