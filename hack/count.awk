# SPDX-License-Identifier: Apache-2.0
# The closing lines of test programs, added up: prints "PASSED FAILED SKIPPED". Knows cmocka's summary
# and lines of the form "N passed, N failed[, N skipped]", with or without a name in front.

/^\[  PASSED  \] [0-9]+ test\(s\)/ { passed += $4; next }
/^\[  FAILED  \] [0-9]+ test\(s\)/ { failed += $4; next }
/^\[  SKIPPED \] [0-9]+ test\(s\)/ { skipped += $4; next }

/^([a-z-]+: )?[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?\r?$/ {
	sub(/^[a-z-]+: /, "")
	passed += $1
	failed += $3
	skipped += $5
}

END { print passed + 0, failed + 0, skipped + 0 }
