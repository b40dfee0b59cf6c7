{{- /* The name of a release's thing: release, or release-component. */ -}}
{{- define "member-points.name" -}}
{{- $root := index . 0 -}}
{{- $base := $root.Release.Name | trunc 40 | trimSuffix "-" -}}
{{- with index . 1 }}{{ printf "%s-%s" $base . }}{{ else }}{{ $base }}{{ end -}}
{{- end -}}

{{- define "member-points.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: member-points
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "member-points.labels" -}}
{{- $root := index . 0 -}}
{{ include "member-points.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: member-points
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | quote }}
{{- end -}}

{{- define "member-points.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- /* What a kind has: its own values over those of every kind. */ -}}
{{- define "member-points.worker" -}}
{{- $root := index . 0 -}}
{{- mergeOverwrite (deepCopy $root.Values.worker) (index $root.Values.workers (index . 1)) | toYaml -}}
{{- end -}}

{{- /* The kinds that run, as JSON: those of the notices lane only when it is enabled. */ -}}
{{- define "member-points.kinds" -}}
{{- $kinds := list -}}
{{- range $kind, $worker := .Values.workers -}}
{{- if or $.Values.notices.enabled (ne ($worker.lane | default "engine") "notices") -}}
{{- $kinds = append $kinds $kind -}}
{{- end -}}
{{- end -}}
{{- toJson $kinds -}}
{{- end -}}

{{- /* Of a pod: a number that is not root, and nothing that the kernel need not allow. */ -}}
{{- define "member-points.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "member-points.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* Variables: what is no secret, then the keys of the Secrets as values or as files' names. */ -}}
{{- define "member-points.env" -}}
{{- $root := index . 0 -}}
{{- range $name, $value := $root.Values.config }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: POINTS_KAFKA__PARTITIONS
  value: {{ $root.Values.kafka.partitions | quote }}
- name: POINTS_KAFKA__REPLICATION_FACTOR
  value: {{ $root.Values.kafka.replicationFactor | quote }}
{{- range $index, $secrets := index . 1 }}
{{- range $secrets.keys }}
{{- if eq $root.Values.secrets.as "files" }}
- name: {{ . }}_FILE
  value: /run/secrets/points-{{ $index }}/{{ . }}
{{- else }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $secrets.existingSecret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- if $secrets.keyFile }}
- name: POINTS_NOTICES__KEY_FILE
  value: /run/secrets/points-notices/{{ $secrets.keyFile.key }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "member-points.mounts" -}}
{{- $root := index . 0 -}}
- name: tmp
  mountPath: /tmp
{{- if eq $root.Values.secrets.as "files" }}
{{- range $index, $secrets := index . 1 }}
- name: secrets-{{ $index }}
  mountPath: /run/secrets/points-{{ $index }}
  readOnly: true
{{- end }}
{{- end }}
{{- range index . 1 }}
{{- if .keyFile }}
- name: notices-keys
  mountPath: /run/secrets/points-notices
  readOnly: true
{{- end }}
{{- end }}
{{- if $root.Values.certificates.existingSecret }}
- name: certificates
  mountPath: /etc/points/tls
  readOnly: true
{{- end }}
{{- end -}}

{{- define "member-points.volumes" -}}
{{- $root := index . 0 -}}
# The root is read-only, and libraries may want a place for a moment.
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- if eq $root.Values.secrets.as "files" }}
{{- range $index, $secrets := index . 1 }}
- name: secrets-{{ $index }}
  {{- if $secrets.volume }}
  {{- toYaml $secrets.volume | nindent 2 }}
  {{- else }}
  secret:
    secretName: {{ $secrets.existingSecret }}
    defaultMode: 0440
    items:
      {{- range $secrets.keys }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- range index . 1 }}
{{- with .keyFile }}
- name: notices-keys
  {{- if .volume }}
  {{- toYaml .volume | nindent 2 }}
  {{- else }}
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .key }}, path: {{ .key }}}
  {{- end }}
{{- end }}
{{- end }}
{{- with $root.Values.certificates.existingSecret }}
- name: certificates
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- /* What all pods have around their containers. */ -}}
{{- define "member-points.pod" -}}
{{- $root := index . 0 -}}
# No pod talks to Kubernetes, and the variables that it makes of Services look like ours:
# POINTS_METRICS_PORT of a Service points-metrics.
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "member-points.podSecurity" $root | nindent 2 }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "member-points.volumes" . | nindent 2 }}
{{- end -}}
