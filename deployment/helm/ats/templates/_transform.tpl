{{/*
What a manifest becomes in an environment. Takes a dict of `object` and `root`; changes the object.
It does what the kustomizations of deployment/kubernetes/base and of an environment do; a test holds the two together.
*/}}
{{- define "ats.transform" -}}
{{- $object := .object -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $namespace := $root.Release.Namespace -}}
{{- $label := dict "trading.ats.dev/environment" $values.environment -}}
{{- $kind := $object.kind -}}
{{- if eq $kind "ClusterRole" -}}
  {{- $_ := set $object "kind" "Role" -}}
{{- else if eq $kind "ClusterRoleBinding" -}}
  {{- $_ := set $object "kind" "RoleBinding" -}}
  {{- $_ := set $object.roleRef "kind" "Role" -}}
{{- end -}}
{{- range $subject := $object.subjects -}}
  {{- $_ := set $subject "namespace" $namespace -}}
{{- end -}}
{{- if eq $kind "Namespace" -}}
  {{- $_ := set $object.metadata "name" $namespace -}}
  {{- $_ := set $object.metadata.labels "pod-security.kubernetes.io/audit" "restricted" -}}
{{- else -}}
  {{- $_ := set $object.metadata "namespace" $namespace -}}
{{- end -}}
{{- $_ := set $object.metadata "labels" (merge $label ($object.metadata.labels | default dict)) -}}
{{- if eq $kind "Deployment" -}}
  {{- $_ := set $object.spec "replicas" $values.operator.replicas -}}
  {{- $template := $object.spec.template -}}
  {{- $_ := set $template.metadata "labels" (merge $label $template.metadata.labels) -}}
  {{- $container := first $template.spec.containers -}}
  {{- $_ := set $container "image" (include "ats.image" $root) -}}
  {{- $_ := set $container "envFrom" (list (dict "configMapRef" (dict "name" (include "ats.settings" $root)))) -}}
  {{- $field := dict "fieldRef" (dict "fieldPath" "metadata.namespace") -}}
  {{- $watch := dict "name" "ATS_WATCH_NAMESPACES" "valueFrom" $field -}}
  {{- $_ := set $container "env" (append $container.env $watch) -}}
{{- else if eq $kind "ResourceQuota" -}}
  {{- $_ := set $object.spec "hard" (merge (deepCopy $values.quota) $object.spec.hard) -}}
{{- else if eq $kind "TradingUniverse" -}}
  {{- $_ := set $object.spec.selection "maxActiveTickers" $values.universe.maxActiveTickers -}}
  {{- $_ := set $object.spec.selection "focusUniverseSize" $values.universe.focusUniverseSize -}}
{{- else if eq $kind "Strategy" -}}
  {{- $_ := set $object.spec "mode" $values.strategy.mode -}}
  {{- if ne $values.strategy.mode "Backtest" -}}
    {{- $_ := set $object.metadata "annotations" (dict "argocd.argoproj.io/sync-options" "Prune=false,Delete=false") -}}
  {{- end -}}
  {{- $_ := set $object.spec.risk "riskPercentage" $values.strategy.riskPercentage -}}
  {{- $_ := set $object.spec.risk "maxPositionSize" $values.strategy.maxPositionSize -}}
{{- end -}}
{{- end -}}

{{/* The operator's image: by digest, or else by tag. */}}
{{- define "ats.image" -}}
{{- $image := .Values.operator.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The name of the settings has their hash, so that a change of them is a rollout. */}}
{{- define "ats.settings" -}}
ats-config-{{ .Values.operator.settings | toJson | sha256sum | trunc 10 }}
{{- end -}}
