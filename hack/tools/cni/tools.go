// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package tools pins what the tests run beside us: cnitool, which runs a chain of CNI plugins as a
// container runtime does, and the reference plugins of that chain. hack/tools/build compiles them.
package tools

import (
	_ "github.com/containernetworking/cni/cnitool"
	_ "github.com/containernetworking/plugins/plugins/ipam/host-local"
	_ "github.com/containernetworking/plugins/plugins/main/bridge"
	_ "github.com/containernetworking/plugins/plugins/main/loopback"
	_ "github.com/containernetworking/plugins/plugins/main/ptp"
	_ "github.com/containernetworking/plugins/plugins/meta/bandwidth"
	_ "github.com/containernetworking/plugins/plugins/meta/portmap"
)
