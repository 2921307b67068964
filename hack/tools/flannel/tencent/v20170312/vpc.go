// SPDX-License-Identifier: Apache-2.0

// Package v20170312 stands where flannel's backend for one cloud wants that cloud's client, whose module
// the proxy does not have. It holds what that backend names, and each call fails: nothing here uses it.
package v20170312

import "errors"

var errNotBuilt = errors.New("this flanneld is built without the Tencent VPC backend")

type Client struct{}

type Filter struct {
	Name   *string
	Values []*string
}

type Route struct {
	RouteId              *uint64
	DestinationCidrBlock *string
	GatewayType          *string
	GatewayId            *string
	RouteType            *string
	Enabled              *bool
}

type RouteTable struct {
	RouteTableId *string
	RouteSet     []*Route
}

type DescribeRouteTablesRequest struct{ Filters []*Filter }

type DescribeRouteTablesResponse struct{ Response *struct{ RouteTableSet []*RouteTable } }

type routesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

func NewClientWithSecretId(_, _, _ string) (*Client, error) { return nil, errNotBuilt }

func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest { return &DescribeRouteTablesRequest{} }

func NewCreateRoutesRequest() *routesRequest { return &routesRequest{} }

func NewDeleteRoutesRequest() *routesRequest { return &routesRequest{} }

func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, errNotBuilt
}

func (*Client) CreateRoutes(*routesRequest) (any, error) { return nil, errNotBuilt }

func (*Client) DeleteRoutes(*routesRequest) (any, error) { return nil, errNotBuilt }
