# SPDX-License-Identifier: Apache-2.0
# Compiler and program against the oracle. Included by tests.mk. The program leg needs root; without it
# only the tables are asked.
ORACLE_OBJ := $(call obj,$(wildcard tests/oracle/*.c) $(UTIL) $(MODEL) $(POLICY) $(HOOK) $(DP))

$(B)/tests/oracle/oracle_test: $(ORACLE_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDHARDEN) -o $@ $^ $(LIBS_dataplane)

.PHONY: check-oracle
check-oracle: $(B)/tests/oracle/oracle_test
	$(Q)$<
