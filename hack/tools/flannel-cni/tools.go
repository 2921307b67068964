// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools pins flannel's CNI plugin as it was in the reference plugins' last release that had it:
// its own repository is not on the module proxy. It knows IPv4 alone, and CNI up to 0.4.0.
package tools

import (
	_ "github.com/containernetworking/plugins/plugins/meta/flannel"
)
