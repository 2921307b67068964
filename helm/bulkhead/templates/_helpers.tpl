{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* What a DaemonSet's selector may never change. */}}
{{- define "bulkhead.selector" -}}
app.kubernetes.io/name: bulkhead
app.kubernetes.io/component: {{ . }}
{{- end }}

{{/* Labels: list of the context and the component. */}}
{{- define "bulkhead.labels" -}}
{{- $top := index . 0 -}}
{{ include "bulkhead.selector" (index . 1) }}
app.kubernetes.io/instance: {{ $top.Release.Name }}
app.kubernetes.io/version: {{ $top.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: bulkhead
app.kubernetes.io/managed-by: {{ $top.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $top.Chart.Name $top.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "bulkhead.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest | quote }}
{{- else -}}
{{ printf "%s:%s" .repository (default $.Chart.AppVersion .tag) | quote }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "bulkhead.pullSecrets" -}}
{{- with .Values.image.pullSecrets -}}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Keys of the plugin's entry in the node's chain: what is not as the plugin has it anyway. */}}
{{- define "bulkhead.pluginConf" -}}
{{- $conf := dict -}}
{{- with .Values.cni -}}
{{- if ne .failMode "closed" }}{{ $_ := set $conf "failMode" .failMode }}{{ end -}}
{{- with .failOpenNamespaces }}{{ $_ := set $conf "failOpenNamespaces" . }}{{ end -}}
{{- if ne (int .timeoutMs) 2000 }}{{ $_ := set $conf "timeoutMs" (int .timeoutMs) }}{{ end -}}
{{- if ne .attach "auto" }}{{ $_ := set $conf "attach" .attach }}{{ end -}}
{{- end -}}
{{- if $conf }}{{ toJson $conf }}{{ end -}}
{{- end }}

{{/* Of the agent's two containers. */}}
{{- define "bulkhead.agentSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
  add: [BPF, NET_ADMIN, PERFMON]
readOnlyRootFilesystem: true
runAsUser: 0
runAsGroup: 0
seccompProfile:
  type: RuntimeDefault
{{- if and .Values.agent.securityContext.appArmorUnconfined (include "bulkhead.appArmorField" .) }}
appArmorProfile:
  type: Unconfined
{{- end }}
{{- include "bulkhead.seLinux" . }}
{{- end }}

{{/* Of the page beside it: uid 0, because the agent's socket is for no other, and nothing else. */}}
{{- define "bulkhead.uiSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsUser: 0
runAsGroup: 0
seccompProfile:
  type: RuntimeDefault
{{- include "bulkhead.seLinux" . }}
{{- end }}

{{- define "bulkhead.seLinux" -}}
{{- with .Values.agent.securityContext.seLinuxType }}
seLinuxOptions:
  type: {{ . }}
{{- end }}
{{- end }}

{{/* Of everything else of ours that runs: nothing at all. */}}
{{- define "bulkhead.plainSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65534
runAsGroup: 65534
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* AppArmor is a field from Kubernetes 1.30 on, and was an annotation before. */}}
{{- define "bulkhead.appArmorField" -}}
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}yes{{ end -}}
{{- end }}

{{/* What all of our pods are told about themselves. */}}
{{- define "bulkhead.podEnv" -}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
{{- with .Values.agent.apiServer }}
{{- if .host }}
- name: KUBERNETES_SERVICE_HOST
  value: {{ .host | quote }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ .port | int | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Of the node everything is where the node has it, so that messages name the node's paths. */}}
{{- define "bulkhead.mounts" -}}
- name: cni-conf
  mountPath: {{ .Values.cni.confDir }}
- name: cni-bin
  mountPath: {{ .Values.cni.binDir }}
- name: bpffs
  mountPath: /sys/fs/bpf
  mountPropagation: HostToContainer
- name: run
  mountPath: /run/bulkhead
- name: probe
  mountPath: /run/bulkhead-probe
{{- end }}

{{/* Annotations: list of the kind of hook and the weight. What has failed stays, to be looked at. */}}
{{- define "bulkhead.hook" -}}
helm.sh/hook: {{ index . 0 }}
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* Of what others select: ours, and what the user says. */}}
{{- define "bulkhead.metricsLabels" -}}
{{ include "bulkhead.labels" (list . "metrics") }}
{{- with .Values.metrics.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}
