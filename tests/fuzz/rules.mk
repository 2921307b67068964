# SPDX-License-Identifier: Apache-2.0
# Fuzz targets, one a parser of what others write, under clang's libFuzzer with AddressSanitizer and UBSan.
# Included by tests.mk. `make check-fuzz` runs the corpus and then each target for some seconds, `make fuzz`
# one of them for long: TARGET=frame FUZZ_SECONDS=600; `make fuzz-corpus` keeps what it found.
FUZZ_TARGETS := frame netconf conflist scan manifest api http
FUZZ_BIN     := $(addprefix $(B)/fuzz/,$(FUZZ_TARGETS))
FUZZ_LOADED  := $(B)/tests/fuzz/loaded_test

FUZZ_LINK_frame    := tests/bpf/packet.c
FUZZ_LINK_netconf  := $(LINK_cni-plugin)
FUZZ_LINK_conflist := $(LINK_chain)
FUZZ_LINK_scan     := $(LINK_kube)
FUZZ_LINK_manifest := $(LINK_kube)
FUZZ_LINK_api      := $(LINK_api)
FUZZ_LINK_http     := $(LINK_http) agent/ctl/ui_request.c
FUZZ_LIBS_netconf  := -ljson-c
FUZZ_LIBS_conflist := -ljson-c
FUZZ_LIBS_scan     := $(LIBS_kube)
FUZZ_LIBS_manifest := $(LIBS_kube)
FUZZ_LIBS_api      := -ljson-c

FUZZ_SAN    := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_CFLAGS := $(filter-out $(HARDEN) $(SANFLAGS),$(CFLAGS)) -O1 -fsanitize=fuzzer-no-link $(FUZZ_SAN)

$(B)/fuzz/%.o: %.c | $(SKEL)
	$(say) FUZZ $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

fuzz_obj = $(patsubst %.c,$(B)/fuzz/%.o,$(1))

$(FUZZ_BIN): $(B)/fuzz/%: $$(call fuzz_obj,tests/fuzz/main.c tests/fuzz/$$*.c $$(FUZZ_LINK_$$*))
	$(say) LD $@
	$(Q)$(CLANG) -fsanitize=fuzzer $(FUZZ_SAN) -o $@ $^ $(FUZZ_LIBS_$*)

$(call obj,$(wildcard tests/fuzz/*.c)): $(SKEL)

# The corpus once more, through the loaded programs (root).
$(FUZZ_LOADED): $(call obj,tests/fuzz/loaded_test.c) $(BPF_WORLD_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ -lbpf -lelf -lz

# The rows of tests/bpf as frames, to begin from.
$(B)/tests/fuzz/seeds: $(call obj,tests/fuzz/seeds.c tests/bpf/rows.c tests/bpf/rows_odd.c tests/bpf/packet.c)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^

.PHONY: check-fuzz fuzz fuzz-corpus
check-fuzz: $(FUZZ_BIN) $(FUZZ_LOADED)
	$(Q)tests/fuzz/run all $(or $(FUZZ_SECONDS),10) $(FUZZ_TARGETS)

fuzz: $(FUZZ_BIN)
	$(Q)tests/fuzz/run long $(or $(FUZZ_SECONDS),600) $(or $(TARGET),frame)

fuzz-corpus: $(FUZZ_BIN) $(B)/tests/fuzz/seeds
	$(Q)tests/fuzz/run merge 0 $(or $(TARGET),$(FUZZ_TARGETS))
