# SPDX-License-Identifier: Apache-2.0
# Bulkhead: builds into build/. `make help` lists the targets; V=1 shows the commands, SAN=1 adds
# AddressSanitizer and UBSan, DEBUG=1 compiles trace output into the BPF programs (and nothing else does).
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:

B      := build
CLANG  ?= clang
CC     ?= gcc
ifeq ($(origin CC),default)
CC     := gcc
endif
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX ?= /usr/local
VERSION := 0.1.0
ARCH   := $(shell uname -m)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# ---- flags -----------------------------------------------------------------------------------
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
HARDEN   := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(SAN),1)
B        := build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HARDEN   := -fPIE
endif
CPPFLAGS += -D_GNU_SOURCE -DBH_VERSION='"$(VERSION)"' -Iagent -I. -I$(B)
CFLAGS   += -std=gnu17 -O2 -g $(WARN) $(HARDEN) $(SANFLAGS)
BPFFLAGS := -std=gnu17 -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 \
	    -I/usr/include/$(ARCH)-linux-gnu -D__TARGET_ARCH_$(subst x86_64,x86,$(subst aarch64,arm64,$(ARCH)))
BPFFLAGS += $(BPF_MORE)
ifeq ($(DEBUG),1)
BPFFLAGS += -DBH_DEBUG
endif

# ---- what belongs to what --------------------------------------------------------------------
UTIL   := $(wildcard agent/util/*.c)
MODEL  := $(wildcard agent/model/*.c)
POLICY := $(wildcard agent/policy/*.c)
KUBE   := $(wildcard agent/kube/*.c)
DP     := $(wildcard agent/dataplane/*.c)
HOOK   := $(wildcard agent/hook/*.c)
API    := $(wildcard agent/api/*.c)
CTL    := $(wildcard agent/ctl/*.c)
AGENT  := $(wildcard agent/*.c)
PLUGIN := $(wildcard cni-plugin/*.c)
API_CLIENT := $(filter-out agent/api/server.c,$(API))

obj = $(patsubst %.c,$(B)/%.o,$(1))

AGENT_OBJ  := $(call obj,$(UTIL) $(MODEL) $(POLICY) $(KUBE) $(DP) $(HOOK) $(API) $(AGENT))
CTL_OBJ    := $(call obj,$(UTIL) $(MODEL) $(API_CLIENT) $(CTL))
PLUGIN_OBJ := $(patsubst %.c,$(B)/static/%.o,$(UTIL) $(MODEL) $(HOOK) $(API_CLIENT) $(PLUGIN))
SKEL       := $(B)/policy.skel.h

AGENT_LIBS := -lbpf -lelf -lz -ljson-c -lyaml -lcurl
CTL_LIBS   := -ljson-c

.PHONY: all
all: $(B)/bulkhead $(B)/bulkhead-agent $(B)/bulkheadctl

$(B)/bulkhead-agent: $(AGENT_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(AGENT_LIBS) -pthread

$(B)/bulkheadctl: $(CTL_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(CTL_LIBS)

# The plugin runs on hosts that have none of our libraries: static, and without a sanitizer (which cannot be).
$(B)/bulkhead: $(PLUGIN_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(filter-out $(SANFLAGS),$(CFLAGS)) -static-pie -Wl,-z,relro,-z,now,-z,noexecstack -o $@ $^ -l:libjson-c.a

$(B)/%.o: %.c | $(SKEL)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/static/%.o: %.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out $(SANFLAGS),$(CFLAGS)) -MMD -MP -c -o $@ $<

$(B)/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.skel.h: $(B)/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# Made on the way to a skeleton, and wanted again.
.SECONDARY: $(B)/policy.bpf.o $(B)/publish_reader.bpf.o

-include $(shell find $(B) -name '*.d' 2>/dev/null)

include tests/tests.mk

# What another version of us would be to a node: another name, other instructions. For the tests of upgrades.
NEXT := $(B)/next
.PHONY: next
next:
	$(Q)+$(MAKE) --no-print-directory all B=$(NEXT) VERSION=$(VERSION)-next BPF_MORE=-mcpu=v2

# ---- purity: what the compiler calls is its own, model's, util's (but for the log) or one of these -----
PURE := mem(cpy|move|set|cmp|chr)|__mem(cpy|move|set)_chk|str(len|cmp|ncmp|chr|rchr|dup|ndup|cpy)|malloc|calloc|realloc|free|qsort|bsearch|v?snprintf|__v?snprintf_chk|__stack_chk_fail|__assert_fail|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan)_.*
PURE_OBJ := $(call obj,$(POLICY) $(MODEL) $(filter-out agent/util/log.c,$(UTIL)))
.PHONY: check-pure
check-pure: $(PURE_OBJ)
	$(Q)nm --defined-only $(PURE_OBJ) | awk 'NF == 3 {print $$3}' | LC_ALL=C sort -u > $(B)/pure.defined
	$(Q)bad=$$(nm -u $(call obj,$(POLICY)) | awk '$$1 == "U" {print $$2}' | LC_ALL=C sort -u | \
		LC_ALL=C comm -23 - $(B)/pure.defined | grep -vxE '$(PURE)'); \
	if [ -n "$$bad" ]; then echo "check-pure: agent/policy calls:" $$bad >&2; exit 1; fi
	@echo "check-pure: ok"

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/lib/cni
	install -m 0755 $(B)/bulkhead $(DESTDIR)$(PREFIX)/lib/cni/bulkhead
	install -m 0755 $(B)/bulkhead-agent $(DESTDIR)$(PREFIX)/sbin/bulkhead-agent
	install -m 0755 $(B)/bulkheadctl $(DESTDIR)$(PREFIX)/bin/bulkheadctl
	ln -sf bulkheadctl $(DESTDIR)$(PREFIX)/bin/kubectl-bulkhead

.PHONY: format
format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: clean
clean:
	$(Q)rm -rf build

.PHONY: help
help:
	@echo "all               the plugin, the agent, the CLI"
	@echo "next              the same as another version: what the tests upgrade to"
	@echo "check             unit tests (no root)           check-bpf    programs by test run (root)"
	@echo "check-oracle      compiler and program against the oracle"
	@echo "check-publish     policy changed under a reader  check-integration  real namespaces and veths"
	@echo "check-api         a real kube-apiserver, and a scripted one"
	@echo "check-kernels     other kernels under qemu       check-pure   what the compiler may call"
	@echo "check-cluster     policies on a real Kubernetes (hack/cluster)"
	@echo "bench             figures, into build/bench      install      DESTDIR= PREFIX="
	@echo "format clean      V=1 SAN=1 DEBUG=1"
