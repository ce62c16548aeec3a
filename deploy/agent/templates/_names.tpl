{{- define "steward.namespace" -}}
{{- $wanted := printf "steward-%s" .Values.organization -}}
{{- if ne .Release.Namespace $wanted -}}
{{- fail (printf "install it into the namespace %s (helm … -n %s --create-namespace): the agent's names are made of it" $wanted $wanted) -}}
{{- end -}}
{{- $wanted -}}
{{- end -}}

{{- define "steward.vendorKeys" -}}
{{- $fingerprints := list -}}
{{- range .Values.releaseKeys }}{{ $fingerprints = append $fingerprints .fingerprint }}{{ end -}}
steward.dev/vendor-keys: {{ join " " $fingerprints | quote }}
{{- end -}}
