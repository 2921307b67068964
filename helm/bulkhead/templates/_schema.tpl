{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* The schemas of our own kinds, in parts that both kinds and both directions share. An API server takes a rule
(x-kubernetes-validations) only if its price, times how often lists around it may be long, is within a budget: so every
list has an end, and what a pattern can say is none. */}}

{{/* A metav1.LabelSelector; the argument says of what. */}}
{{- define "bulkhead.schema.selector" -}}
description: {{ . | quote }}
type: object
x-kubernetes-map-type: atomic
properties:
  matchLabels:
    description: >-
      Labels that must be there with exactly these values, all of them; each says the same as an expression with operator
      In and one value.
    type: object
    maxProperties: 32
    additionalProperties:
      type: string
      maxLength: 63
      pattern: ^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$
  matchExpressions:
    description: What must hold of the labels, all of it and beside matchLabels.
    type: array
    maxItems: 32
    items:
      description: >-
        One requirement. values must not be empty with operator In and NotIn, and must be empty or not be there with
        Exists and DoesNotExist.
      type: object
      required: [key, operator]
      properties:
        key:
          description: The key of the label that this is about.
          type: string
          maxLength: 317
          pattern: ^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$
        operator:
          description: >-
            In: the label is there and has one of the values. NotIn: it has none of the values, or is not there. Exists:
            it is there. DoesNotExist: it is not.
          type: string
          enum: [In, NotIn, Exists, DoesNotExist]
        values:
          description: The values, for In and NotIn.
          type: array
          maxItems: 256
          items:
            type: string
            maxLength: 63
            pattern: ^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$
      x-kubernetes-validations:
      - rule: (self.operator == 'In' || self.operator == 'NotIn') == (has(self.values) && size(self.values) > 0)
        message: values must not be empty with operator In and NotIn, and must be empty with Exists and DoesNotExist
{{- end }}

{{/* Of a peer or a subject. Argument: where it looks without a namespaceSelector. */}}
{{- define "bulkhead.schema.pods" -}}
description: >-
  Pods by their own labels, of namespaces by theirs. Pods on the network of their node are never meant: they are the
  node.
type: object
required: [podSelector]
properties:
  namespaceSelector:
    {{- include "bulkhead.schema.selector" (printf "Of which namespaces, by their labels; {} is every namespace. Not there: the pods of %s." .) | nindent 4 }}
  podSelector:
    {{- include "bulkhead.schema.selector" "Which pods of these namespaces, by their labels; {} is all of them." | nindent 4 }}
{{- end }}

{{- define "bulkhead.schema.namespaces" -}}
{{- include "bulkhead.schema.selector" "All pods of the namespaces with these labels; {} is every pod of the cluster. A namespace's name is its label kubernetes.io/metadata.name." }}
{{- end }}

{{/* Of tcp, udp or sctp. Argument: its name. */}}
{{- define "bulkhead.schema.transport" -}}
description: {{ printf "%s to a port, or with {} to every port." (upper .) | quote }}
type: object
properties:
  destinationPort:
    description: >-
      The port at the receiving end; where that is behind a Service, not the Service's. Exactly one of number and range.
      Not there: every port.
    type: object
    properties:
      number:
        description: One port.
        type: integer
        minimum: 1
        maximum: 65535
      range:
        description: All ports from start to end, both included.
        type: object
        required: [start, end]
        properties:
          start:
            description: The first port; below end.
            type: integer
            minimum: 1
            maximum: 65535
          end:
            description: The last port.
            type: integer
            minimum: 1
            maximum: 65535
        x-kubernetes-validations:
        - rule: self.start < self.end
          message: start must be below end
    x-kubernetes-validations:
    - rule: has(self.number) != has(self.range)
      message: exactly one of number and range must be there
{{- end }}

{{/* Of ICMP or ICMPv6. Argument: its name. */}}
{{- define "bulkhead.schema.icmp" -}}
description: {{ printf "Messages of %s by themselves, as an echo request (ping); with {} all of them. Errors about a connection belong to the connection, and are not asked about here." . | quote }}
type: object
properties:
  type:
    description: The type of the message, as IANA numbers them; without it every type.
    type: integer
    minimum: 0
    maximum: 255
  code:
    description: The code of the message, only beside type; without it every code.
    type: integer
    minimum: 0
    maximum: 255
x-kubernetes-validations:
- rule: '!has(self.code) || has(self.type)'
  message: code needs a type beside it
{{- end }}

{{- define "bulkhead.schema.protocols" -}}
description: >-
  Which traffic: what one of these describes. Not there: all of it.
type: array
minItems: 1
maxItems: 100
items:
  description: Exactly one of tcp, udp, sctp, destinationNamedPort, icmp, icmpv6 and number.
  type: object
  properties:
    {{- range list "tcp" "udp" "sctp" }}
    {{ . }}:
      {{- include "bulkhead.schema.transport" . | nindent 6 }}
    {{- end }}
    destinationNamedPort:
      description: >-
        A port of the receiving pod by the name that its containers give it, with the protocol that it has there. What
        is no pod has no names: it must not be there where a peer of the rule is neither namespaces nor pods.
      type: string
      maxLength: 15
      pattern: ^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$
    {{- range $key, $name := dict "icmp" "ICMP (IPv4)" "icmpv6" "ICMPv6" }}
    {{ $key }}:
      {{- include "bulkhead.schema.icmp" $name | nindent 6 }}
    {{- end }}
    number:
      description: >-
        Any other protocol on top of IP, by its number (47 is GRE, 50 is ESP). Not 1, 6, 17, 58 or 132: icmp, tcp, udp,
        icmpv6 and sctp are fields of their own.
      type: integer
      minimum: 1
      maximum: 255
      x-kubernetes-validations:
      - rule: '!(self in [1, 6, 17, 58, 132])'
        message: 1, 6, 17, 58 and 132 must be said as icmp, tcp, udp, icmpv6 and sctp
  x-kubernetes-validations:
  - rule: >-
      [has(self.tcp), has(self.udp), has(self.sctp), has(self.destinationNamedPort), has(self.icmp), has(self.icmpv6),
      has(self.number)].exists_one(x, x)
    message: exactly one of tcp, udp, sctp, destinationNamedPort, icmp, icmpv6 and number must be there
{{- end }}

{{/* Of an egress peer. Argument: as of the rules. */}}
{{- define "bulkhead.schema.services" -}}
description: >-
  The addresses behind these Services, as their EndpointSlices say. Ports are those behind a Service, not its own.
type: array
minItems: 1
maxItems: 25
items:
  description: One Service.
  type: object
  required: [{{ if not .own }}namespace, {{ end }}name]
  properties:
    namespace:
      description: The namespace of the Service{{ if .own }}; without it the policy's own{{ end }}.
      type: string
      maxLength: 63
      pattern: ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$
    name:
      description: The name of the Service.
      type: string
      maxLength: 63
      pattern: ^[a-z]([-a-z0-9]*[a-z0-9])?$
{{- end }}

{{- define "bulkhead.schema.peers" -}}
{{- $kinds := printf "%s and %s" (initial .peers | join ", ") (last .peers) -}}
description: The other end of the connection is one of these.
type: array
minItems: 1
maxItems: 100
items:
  description: Exactly one of {{ $kinds }}.
  type: object
  properties:
    namespaces:
      {{- include "bulkhead.schema.namespaces" . | nindent 6 }}
    pods:
      {{- include "bulkhead.schema.pods" (ternary "the policy's own namespace" "every namespace" .own) | nindent 6 }}
    networks:
      description: >-
        Addresses as networks of IPv4 or IPv6, as 192.0.2.0/24 or 2001:db8::/32; a pod that has such an address is meant,
        too.
      type: array
      minItems: 1
      maxItems: 100
      items:
        type: string
        format: cidr
        maxLength: 43
        # What the format would take besides: 010.0.0.0/8, 10.0.0.0/08, ::ffff:10.0.0.0/104.
        pattern: ^((0|[1-9][0-9]*)([.](0|[1-9][0-9]*)){3}|[0-9a-fA-F:]+)/(0|[1-9][0-9]*)$
    entities:
      description: >-
        What has no labels. Host: the nodes. Cluster: pods, nodes and Services. World: everything else. KubeAPIServer:
        the addresses behind the Service kubernetes in namespace default.
      type: array
      minItems: 1
      maxItems: 4
      x-kubernetes-list-type: set
      items:
        type: string
        enum: [Host, Cluster, World, KubeAPIServer]
    {{- if has "services" .peers }}
    services:
      {{- include "bulkhead.schema.services" . | nindent 6 }}
    {{- end }}
  x-kubernetes-validations:
  - rule: '[{{ range $i, $kind := .peers }}{{ if $i }}, {{ end }}has(self.{{ $kind }}){{ end }}].exists_one(x, x)'
    message: exactly one of {{ $kinds }} must be there
{{- end }}

{{/* Arguments: own, whether the kind has a namespace; way, the name of the list of peers; peers, what these may be. */}}
{{- define "bulkhead.schema.rules" -}}
type: array
maxItems: 100
items:
  description: One rule. It is about what comes {{ .way }} one of these peers with one of these protocols.
  type: object
  required: [action, {{ .way }}]
  properties:
    name:
      description: A name for flows, counters and messages. It decides nothing.
      type: string
      minLength: 1
      maxLength: 100
    action:
      description: >-
        {{- if .own }}
        Accept allows. Deny denies. Pass asks no further SegmentationPolicy: NetworkPolicies are next. What Accept and
        Deny say is final, for this end of the connection.
        {{- else }}
        Accept allows. Deny denies. Pass asks no further rule of this tier: what comes behind the tier is next. What
        Accept and Deny say is final, for this end of the connection.
        {{- end }}
      type: string
      enum: [Accept, Deny, Pass]
    log:
      description: >-
        Whether connections that this rule decides are reported also when they are accepted. Not there: false, and what
        is denied is reported.
      type: boolean
    {{ .way }}:
      {{- include "bulkhead.schema.peers" . | nindent 6 }}
    protocols:
      {{- include "bulkhead.schema.protocols" . | nindent 6 }}
  x-kubernetes-validations:
  - rule: >-
      !has(self.protocols) || !self.protocols.exists(p, has(p.destinationNamedPort)) ||
      self.{{ .way }}.all(p, has(p.namespaces) || has(p.pods))
    message: destinationNamedPort in protocols needs {{ .way }} to be namespaces and pods alone, since nothing else has named ports
{{- end }}

{{/* What is known of a policy. */}}
{{- define "bulkhead.schema.conditions" -}}
description: "Accepted: all of it is understood. Programmed: it is in force on every node that has pods of it."
type: array
maxItems: 16
x-kubernetes-list-type: map
x-kubernetes-list-map-keys: [type]
items:
  description: One thing that is known of it, as metav1.Condition.
  type: object
  required: [type, status, lastTransitionTime, reason, message]
  properties:
    type:
      description: What it is about.
      type: string
      maxLength: 316
      pattern: ^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$
    status:
      description: Whether it is so.
      type: string
      enum: ["True", "False", Unknown]
    observedGeneration:
      description: The metadata.generation that it is said of.
      type: integer
      format: int64
      minimum: 0
    lastTransitionTime:
      description: When status became what it is.
      type: string
      format: date-time
    reason:
      description: Why, as one word.
      type: string
      minLength: 1
      maxLength: 1024
      pattern: ^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$
    message:
      description: Why, for people. It may be empty.
      type: string
      maxLength: 32768
{{- end }}
