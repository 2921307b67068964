// SPDX-License-Identifier: Apache-2.0

module github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/vpc

go 1.24.0
