{{- define "nats.selector" -}}
app.kubernetes.io/name: nats
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nats.labels" -}}
{{ include "nats.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "nats.isCluster" -}}
{{- if gt (int .Values.redundancy) 1 }}true{{ end }}
{{- end }}

{{- define "nats.volumeMi" -}}
{{- $units := dict "Mi" 1 "Gi" 1024 "Ti" 1048576 }}
{{- $size := .Values.storage.size }}
{{- mul (regexFind "^[0-9]+" $size | int64) (get $units (regexFind "[MGT]i$" $size)) }}
{{- end }}

{{- define "nats.config" -}}
port: 4222
http_port: 8222
pid_file: /run/nats/nats.pid
max_payload: {{ int .Values.maxPayloadMi }}MiB
lame_duck_grace_period: 3s
lame_duck_duration: 30s

jetstream {
  # Of its own for each mode: servers of a cluster delete streams that they find on disk and their cluster does not know.
  store_dir: /data/{{ if include "nats.isCluster" . }}cluster{{ else }}single{{ end }}
  max_file_store: {{ div (mul (include "nats.volumeMi" . | int64) (int64 .Values.storage.percent)) 100 }}MiB
  max_memory_store: {{ div (int64 .Values.resources.memoryMi) 4 }}MiB
  sync_interval: {{ .Values.storage.sync }}
}
{{- if include "nats.isCluster" . }}

cluster {
  name: {{ .Release.Name | quote }}
  port: 6222
  # Clients come back by the Service, which leaves out servers that are about to stop.
  no_advertise: true
  routes: [
    {{- range $server := until (int .Values.redundancy) }}
    "nats://{{ $.Release.Name }}-{{ $server }}.{{ $.Release.Name }}-servers:6222"
    {{- end }}
  ]
}
{{- end }}
{{- end }}
