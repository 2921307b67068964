# SPDX-License-Identifier: Apache-2.0
# Bulkhead: builds into build/. `make help` lists the targets; V=1 shows the commands, SAN=1 adds
# AddressSanitizer and UBSan, DEBUG=1 compiles trace output into the BPF programs (and nothing else does),
# ARCH=aarch64 compiles for that, into build/aarch64.
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
HOST   := $(shell uname -m)
ARCH   := $(HOST)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# For another architecture: Debian's cross compiler and libraries.
ifneq ($(ARCH),$(HOST))
B       := build/$(ARCH)
CROSS   := $(ARCH)-linux-gnu-
CC      := $(CROSS)gcc
SYSROOT := $(B)/sysroot
SYSINC  := -isystem $(SYSROOT)/usr/include -isystem $(SYSROOT)/usr/include/$(ARCH)-linux-gnu
SYSLIB  := -L$(SYSROOT)/usr/lib/$(ARCH)-linux-gnu
ARCHINC := /usr/$(ARCH)-linux-gnu/include
endif
ARCHINC ?= /usr/include/$(ARCH)-linux-gnu

# ---- flags -----------------------------------------------------------------------------------
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
HARDEN   := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack
ifeq ($(SAN),1)
B        := build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HARDEN   := -fPIE
endif
CPPFLAGS += -D_GNU_SOURCE -DBH_VERSION='"$(VERSION)"' -Iagent -I. -I$(B) $(SYSINC)
# The same program in whatever folder it is built.
SAMEPATH := -ffile-prefix-map=$(CURDIR)=.
CFLAGS   += -std=gnu17 -O2 -g $(WARN) $(HARDEN) $(SANFLAGS) $(SAMEPATH)
BPFFLAGS := -std=gnu17 -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=v3 $(SAMEPATH) \
	    -I$(ARCHINC) -D__TARGET_ARCH_$(subst x86_64,x86,$(subst aarch64,arm64,$(ARCH)))
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
CHAIN  := $(wildcard agent/chain/*.c)
STATUS := $(wildcard agent/status/*.c)
API    := $(wildcard agent/api/*.c)
HTTP   := $(wildcard agent/http/*.c)
CTL    := $(wildcard agent/ctl/*.c) agent/kube/manifest.c agent/kube/yaml.c
AGENT  := $(wildcard agent/*.c)
PLUGIN := $(wildcard cni-plugin/*.c)
API_CLIENT := $(filter-out agent/api/server.c,$(API))

obj = $(patsubst %.c,$(B)/%.o,$(1))

AGENT_OBJ  := $(call obj,$(UTIL) $(MODEL) $(POLICY) $(KUBE) $(DP) $(HOOK) $(API) $(HTTP) $(CHAIN) $(STATUS) $(AGENT))
CTL_OBJ    := $(call obj,$(UTIL) $(MODEL) $(API_CLIENT) $(HTTP) $(CTL))
PLUGIN_OBJ := $(patsubst $(B)/%,$(B)/static/%,$(call obj,$(UTIL) $(MODEL) $(HOOK) $(API_CLIENT) $(PLUGIN)))
SKEL       := $(B)/policy.skel.h

AGENT_LIBS := -lbpf -lelf -lz -ljson-c -lyaml -lcurl
CTL_LIBS   := -ljson-c -lyaml

STATIC     := $(B)/bulkhead $(B)/static/bulkhead-agent $(B)/static/bulkheadctl

.PHONY: all
ifeq ($(ARCH),$(HOST))
all: $(B)/bulkhead $(B)/bulkhead-agent $(B)/bulkheadctl
else
all: $(STATIC)
endif

$(B)/bulkhead-agent: $(AGENT_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(AGENT_LIBS) -pthread

$(B)/bulkheadctl: $(CTL_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(CTL_LIBS)

# The plugin runs on hosts that have none of our libraries, and so does what is in the image: static, and without
# a sanitizer (which cannot be).
PACKED-x86_64 := -Wl,-z,pack-relative-relocs
PACKED = $(PACKED-$(ARCH)) # Debian 12's linker knows no other machine's
STATIC_LD = $(CC) $(filter-out $(SANFLAGS),$(CFLAGS)) -static-pie -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections $(PACKED) $(SYSLIB)

$(B)/bulkhead: $(PLUGIN_OBJ)
	$(say) LD $@
	$(Q)$(STATIC_LD) -o $@ $^ -l:libjson-c.a

$(B)/static/bulkheadctl: $(patsubst $(B)/%,$(B)/static/%,$(CTL_OBJ))
	$(say) LD $@
	$(Q)$(STATIC_LD) -o $@ $^ -l:libjson-c.a -l:libyaml.a

# The linker warns that names are looked up with shared libraries: glibc 2.36 has files and DNS within.
$(B)/static/bulkhead-agent: $(patsubst $(B)/%,$(B)/static/%,$(AGENT_OBJ)) $(B)/libcurl.stamp
	$(say) LD $@
	$(Q)$(STATIC_LD) -Wl,--no-warnings -L$(B)/libcurl/lib -o $@ $(filter %.o,$^) \
		-lbpf -lelf -ljson-c -lyaml -lcurl -lnghttp2 -lssl -lcrypto -lz

$(B)/static/agent/kube/http.o: $(B)/libcurl.stamp
$(B)/static/agent/kube/http.o: CPPFLAGS += -I$(B)/libcurl/include

# Fetched and built beside us, and kept in a cache: anew where Debian's libcurl is another.
$(B)/libcurl.stamp: $(subst :,\:,$(wildcard /var/lib/dpkg/info/libcurl4-openssl-dev*.list))
$(B)/libcurl.stamp $(B)/sysroot.stamp: $(B)/%.stamp: hack/tools/%
	@mkdir -p $(@D)
	$(Q)out=$$(hack/tools/$* $(ARCH)) && ln -sfn "$$out" $(B)/$* && touch $@

ifdef SYSROOT
$(B)/policy.bpf.o: | $(B)/sysroot.stamp
endif

$(B)/%.o: %.c | $(SKEL)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/static/%.o: %.c | $(SKEL)
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out $(SANFLAGS),$(CFLAGS)) -MMD -MP -c -o $@ $<

# The page's files are in it.
$(B)/agent/ctl/ui_files.o $(B)/static/agent/ctl/ui_files.o: $(wildcard ui/*)

$(B)/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -MMD -MP -c -o $@ $<

# What is linked has no DWARF, which is half of the file and would be in the agent.
$(B)/%.skel.h: $(B)/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen object $(@:.skel.h=.linked.o) $<
	$(Q)$(BPFTOOL) gen skeleton $(@:.skel.h=.linked.o) name $*_bpf > $@

# Made on the way to a skeleton, and wanted again.
.SECONDARY: $(B)/policy.bpf.o $(B)/publish_reader.bpf.o

# Not those of a cluster's nodes, some of which are directories.
-include $(shell find $(B) -path '$(B)/cluster*' -prune -o -name '*.d' -print 2>/dev/null)

include tests/tests.mk

# What other versions of us would be to a node, for the tests of upgrades: another name and other instructions, and
# another layout of the maps, too.
NEXT   := $(B)/next
LAYOUT := $(B)/layout
.PHONY: next
next:
	$(Q)+$(MAKE) --no-print-directory all B=$(NEXT) VERSION=$(VERSION)-next BPF_MORE="-mllvm -disable-block-placement"
	$(Q)+$(MAKE) --no-print-directory all B=$(LAYOUT) VERSION=$(VERSION)-layout BH_LAYOUT=$(NEXT_LAYOUT)
NEXT_LAYOUT = $(shell awk '/^\#define BH_LAYOUT/ { print $$3 + 1 }' bpf/abi.h)
ifdef BH_LAYOUT
CPPFLAGS += -DBH_LAYOUT=$(BH_LAYOUT)
BPFFLAGS += -DBH_LAYOUT=$(BH_LAYOUT)
endif

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
	ln -sf bulkheadctl $(DESTDIR)$(PREFIX)/bin/kubectl_complete-bulkhead
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 bash-completion/completions $(ZSH_DIR) fish/vendor_completions.d)
	$(B)/bulkheadctl reference man >$(DESTDIR)$(PREFIX)/share/man/man1/bulkheadctl.1
	ln -sf bulkheadctl.1 $(DESTDIR)$(PREFIX)/share/man/man1/kubectl-bulkhead.1
	$(B)/bulkheadctl completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/bulkheadctl
	$(B)/bulkheadctl completion zsh >$(DESTDIR)$(PREFIX)/share/$(ZSH_DIR)/_bulkheadctl
	$(B)/bulkheadctl completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/bulkheadctl.fish

# Debian's zsh looks in another folder for what a package brings than for the administrator's own.
ZSH_DIR := zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)

# The tables in these pages; tests compare them. $(1): the page, $(2): what prints them.
in_page = { sed '/^<!-- begin/q' $(1) && $(2) && sed -n '/^<!-- end/,$$p' $(1); } >$(B)/reference.md && cat $(B)/reference.md >$(1)
.PHONY: reference
reference: $(B)/bulkheadctl $(B)/bulkhead-agent
	$(Q)$(call in_page,docs/bulkheadctl.md,$< reference markdown)
	$(Q)$(call in_page,docs/metrics.md,$(B)/bulkhead-agent metrics)
	$(Q)$(call in_page,docs/values.md,hack/reference values)
	$(Q)$(call in_page,docs/crds.md,hack/reference crds)

# ---- the image: one layer with three programs, packed without a container engine ------------
IMAGE      := $(patsubst %/$(ARCH),%,$(B))/image/bulkhead-$(VERSION)-$(ARCH).tar
IMAGE_NAME := bulkhead.dev/bulkhead:$(VERSION)
IMAGE_ROOT := $(B)/image-root

.PHONY: image
image: $(IMAGE)

$(IMAGE): $(STATIC) hack/image.py
	$(say) IMAGE $@
	@mkdir -p $(@D)
	$(Q)rm -rf $(IMAGE_ROOT)
	$(Q)install -d $(IMAGE_ROOT)/usr/bin
	$(Q)install -m 0755 $(STATIC) $(IMAGE_ROOT)/usr/bin
	$(Q)$(CROSS)strip $(IMAGE_ROOT)/usr/bin/*
	$(Q)ln -s bulkheadctl $(IMAGE_ROOT)/usr/bin/kubectl-bulkhead
	$(Q)python3 hack/image.py --gzip --arch $(ARCH) --label org.opencontainers.image.title=bulkhead \
		--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.licenses=Apache-2.0 \
		$(IMAGE_NAME) $@ $(IMAGE_ROOT) /usr/bin/bulkhead-agent

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
	@echo "check-fuzz        each fuzz target for 10 s  fuzz         one for 10 minutes: TARGET= FUZZ_SECONDS="
	@echo "check-oracle      compiler and program against the oracle"
	@echo "check-publish     policy changed under a reader  check-integration  real namespaces and veths"
	@echo "check-ui          the page of bulkheadctl ui, in a real Chromium"
	@echo "check-api         a real kube-apiserver, and a scripted one"
	@echo "check-kernels     other kernels under qemu       check-pure   what the compiler may call"
	@echo "check-image       the image, and its programs alone   check-helm   the chart, without a cluster"
	@echo "check-cluster     policies on a real Kubernetes (hack/cluster)"
	@echo "test-perf         bulkheadctl perf under a load of its own (SECONDS=10)"
	@echo "bench             figures, into build/bench, some drawn in docs   install      DESTDIR= PREFIX="
	@echo "image             build/image/bulkhead-$(VERSION)-$(ARCH).tar, for every container runtime"
	@echo "manifests golden  what is rendered from helm/bulkhead   reference   tables in docs: commands, metrics, values, definitions"
	@echo "format clean      V=1 SAN=1 DEBUG=1 ARCH=aarch64"
