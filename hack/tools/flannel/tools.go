// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools pins flanneld, which hack/cluster --main-cni flannel runs on its nodes.
package tools

import (
	_ "github.com/flannel-io/flannel"
)
