{{/*
The values that a platform may change, as they stand: the user's if there is one, else the platform's, else the default.
The result is YAML.
*/}}
{{- define "istio-cni.settings" -}}
{{- $settings := .Files.Get "platforms/default.yaml" | fromYaml -}}
{{- with include "istio-cni.platform" . -}}
{{- $platform := $.Files.Get (printf "platforms/%s.yaml" .) -}}
{{- if not $platform -}}
{{- fail (printf "platform: %q is not known" .) -}}
{{- end -}}
{{- $settings = mergeOverwrite $settings ($platform | fromYaml) -}}
{{- end -}}
{{- range $key, $standing := $settings -}}
{{- $users := get $.Values $key -}}
{{- if kindIs "map" $standing -}}
{{- range $subkey, $value := $users -}}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) -}}
{{- $_ := set $standing $subkey $value -}}
{{- end -}}
{{- end -}}
{{- else if not (or (kindIs "invalid" $users) (eq (toString $users) "")) -}}
{{- $_ := set $settings $key $users -}}
{{- end -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{- define "istio-cni.platform" -}}
{{- coalesce .Values.platform .Values.global.platform | default "" -}}
{{- end -}}

{{/* What no schema can say, or not clearly. Renders to nothing. */}}
{{- define "istio-cni.validate" -}}
{{- if .Values.ambient.enabled -}}
{{- fail (print "ambient.enabled: this plugin redirects to sidecars and has no ambient mode; "
  "set it to false, or use Istio's own chart") -}}
{{- end -}}
{{- $elsewhere := dict
  "AMBIENT_ENABLED" "is not supported"
  "AUDIT_INTERVAL_SECONDS" "is set by audit.intervalSeconds"
  "CHAINED_CNI_PLUGIN" "is set by chained"
  "CNI_AGENT_RUN_DIR" "is where the chart mounts the node's /var/run/istio-cni"
  "CNI_BIN_TARGET_DIRS" "is where the chart mounts cniBinDir"
  "CNI_CACHE_DIR" "is where the chart mounts cniCacheDir"
  "CNI_CONF_NAME" "is set by cniConfFileName"
  "CONFIG_DIR" "is where the chart mounts the ConfigMap"
  "CONFIG_MAP_NAME" "is the chart's"
  "CONFIG_SOURCE" "is set by configSource"
  "DAEMONSET_NAME" "is the chart's"
  "EXCLUDE_NAMESPACES" "is set by excludeNamespaces"
  "HEALTH_PORT" "is set by healthPort"
  "HOST_NETNS_DIR" "is where the chart mounts cniNetnsDir"
  "HOST_PROC_DIR" "is where the chart mounts the node's /proc"
  "ISTIO_OWNED_CNI_CONFIG" "is set by istioOwnedCNIConfig"
  "ISTIO_OWNED_CNI_CONFIG_FILENAME" "is set by istioOwnedCNIConfigFileName"
  "KUBERNETES_NODE_NAME" "is the node's"
  "LOG_AS_JSON" "is set by global.logAsJson"
  "LOG_LEVEL" "is set by logging.level"
  "LOG_OUTPUT_LEVEL" "is set by logging.level"
  "MONITORING_PORT" "is set by monitoringPort"
  "MOUNTED_CNI_NET_DIR" "is where the chart mounts cniConfDir"
  "NATIVE_NFTABLES" "is set by global.nativeNftables"
  "NODE_NAME" "is the node's"
  "POD_NAME" "is the pod's"
  "POD_NAMESPACE" "is the pod's"
  "POD_UID" "is the pod's"
  "SELF_TEST" "is set by selfTest.enabled"
  "UNTAINT_NODE" "is set by taint.remove"
-}}
{{- range $name, $_ := .Values.env -}}
{{- with get $elsewhere $name -}}
{{- fail (printf "env.%s: this %s" $name .) -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .Values.monitoringPort) 0) (eq (int .Values.monitoringPort) (int .Values.healthPort)) -}}
{{- fail (printf "monitoringPort: %d is the healthPort already" (int .Values.monitoringPort)) -}}
{{- end -}}
{{- if and .Values.taint.remove (not .Values.selfTest.enabled) -}}
{{- fail "taint.remove: the agent knows that a node is ready by its self-test; set selfTest.enabled to true" -}}
{{- end -}}
{{- $settings := include "istio-cni.settings" . | fromYaml -}}
{{- if and .Values.istioOwnedCNIConfig (not $settings.chained) -}}
{{- fail "istioOwnedCNIConfig: a list of our own needs chained: true" -}}
{{- end -}}
{{- end -}}

{{- define "istio-cni.image" -}}
{{- if contains "/" .Values.image -}}
{{- .Values.image -}}
{{- else -}}
{{- with coalesce .Values.hub .Values.global.hub }}{{ . }}/{{ end -}}
{{- .Values.image }}:{{ coalesce .Values.tag .Values.global.tag .Chart.AppVersion -}}
{{- with coalesce .Values.variant .Values.global.variant }}-{{ . }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Not empty if the agent is to program rules into the namespaces of running pods. */}}
{{- define "istio-cni.repairsInPlace" -}}
{{- if and .Values.repair.enabled .Values.repair.repairPods }}true{{ end -}}
{{- end -}}

{{/* Not empty if the agent is to make network namespaces, or to enter those of others. */}}
{{- define "istio-cni.entersNamespaces" -}}
{{- if or .Values.selfTest.enabled (include "istio-cni.repairsInPlace" .) }}true{{ end -}}
{{- end -}}

{{/* What else is done about pods that started without their redirect: "delete", "label", or empty. */}}
{{- define "istio-cni.repairMode" -}}
{{- $repair := .Values.repair }}
{{- if and $repair.enabled (not $repair.repairPods) }}
{{- if $repair.deletePods }}delete{{ else if $repair.labelPods }}label{{ end -}}
{{- end -}}
{{- end -}}

{{- define "istio-cni.rendersNamespaced" -}}
{{- if has .Values.global.resourceScope (list "all" "namespace") }}true{{ end -}}
{{- end -}}

{{- define "istio-cni.rendersCluster" -}}
{{- if has .Values.global.resourceScope (list "all" "cluster") }}true{{ end -}}
{{- end -}}

{{- define "istio-cni.labels" -}}
{{- $labels := dict
  "app" "istio-cni"
  "release" .Release.Name
  "istio.io/rev" (.Values.revision | default "default")
  "operator.istio.io/component" "Cni"
  "app.kubernetes.io/name" "istio-cni"
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/part-of" "istio"
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_")
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
-}}
{{- with .Values.ownerName -}}
{{- $_ := set $labels "install.operator.istio.io/owning-resource" . -}}
{{- end -}}
{{- toYaml $labels -}}
{{- end -}}

{{/* A setting's text. Numbers of a values file arrive as floats, which would print as 1e+06. */}}
{{- define "istio-cni.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}
