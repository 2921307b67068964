# SPDX-License-Identifier: Apache-2.0
# The image: what is in it, and that it runs from nothing. Included by tests.mk.
.PHONY: check-image
check-image:
	$(Q)tests/image/run $(ARGS)
