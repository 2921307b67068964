# SPDX-License-Identifier: Apache-2.0
# The api suite: a real kube-apiserver, and a scripted one. Included by tests.mk.
.PHONY: check-api
check-api: all $$(PROBE)
	$(Q)tests/api/run $(ARGS)
