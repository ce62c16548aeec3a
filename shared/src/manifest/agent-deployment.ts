import { withComment, type KubeManifest } from './kube-manifest.ts';
import {
  AGENT_CONFIG_MAP,
  AGENT_DEPLOYMENT,
  AGENT_SERVICE_ACCOUNT,
  agentNamespace,
  ENROLMENT_SECRET,
  ORGANIZATION_LABEL,
} from './names.ts';

/** Measured, see docs/decisions/0033-agent-memory.md. */
export const AGENT_NODE_FLAGS = [
  '--max-semi-space-size=2',
  '--max-old-space-size=64',
  '--optimize-for-size',
  '--lite-mode',
  '--v8-pool-size=1',
] as const;
const HEALTH_PORT = 8080;

export interface AgentDeploymentInput {
  organization: string;
  image: string;
  annotations: Record<string, string>;
  /** A change of it replaces the pod. */
  configDigest: string;
  proxy?: { httpsProxy: string; noProxy?: string } | undefined;
}

/** One pod without any right on its node: unprivileged user, read-only files, no capabilities. */
export function agentDeployment(input: AgentDeploymentInput): KubeManifest {
  const { organization, annotations } = input;
  const labels = { 'app.kubernetes.io/name': 'steward-agent', [ORGANIZATION_LABEL]: organization };
  return withComment(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: AGENT_DEPLOYMENT, namespace: agentNamespace(organization), labels, annotations },
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations: { 'steward.dev/config': input.configDigest } },
          spec: podSpec(input),
        },
      },
    },
    'Scale it to zero to switch the agent off: the services it installed run on.',
  );
}

function podSpec({ image, proxy }: AgentDeploymentInput): Record<string, unknown> {
  return {
    serviceAccountName: AGENT_SERVICE_ACCOUNT,
    automountServiceAccountToken: true,
    terminationGracePeriodSeconds: 10,
    // The image's own user, or whichever the cluster gives it (OpenShift): no file of its needs a certain one.
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'agent',
        image,
        imagePullPolicy: 'IfNotPresent',
        terminationMessagePolicy: 'FallbackToLogsOnError',
        command: ['/usr/local/bin/node', ...AGENT_NODE_FLAGS, '/app/agent.js'],
        env: [
          { name: 'MALLOC_ARENA_MAX', value: '1' },
          { name: 'MALLOC_TRIM_THRESHOLD_', value: '65536' },
          { name: 'UV_THREADPOOL_SIZE', value: '1' },
          { name: 'STEWARD_HEALTH_PORT', value: String(HEALTH_PORT) },
          ...proxyEnv(proxy),
        ],
        ports: [{ name: 'health', containerPort: HEALTH_PORT }],
        livenessProbe: { httpGet: { path: '/livez', port: 'health' }, periodSeconds: 20, failureThreshold: 3 },
        readinessProbe: { httpGet: { path: '/readyz', port: 'health' }, periodSeconds: 10 },
        resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '192Mi' } },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'config', mountPath: '/etc/steward/config', readOnly: true },
          { name: 'enrolment', mountPath: '/etc/steward/enrolment', readOnly: true },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'config', configMap: { name: AGENT_CONFIG_MAP } },
      { name: 'enrolment', secret: { secretName: ENROLMENT_SECRET, optional: true } },
      { name: 'tmp', emptyDir: { sizeLimit: '256Mi' } },
    ],
  };
}

function proxyEnv(proxy: AgentDeploymentInput['proxy']): { name: string; value: string }[] {
  if (!proxy) return [];
  return [
    { name: 'HTTPS_PROXY', value: proxy.httpsProxy },
    ...(proxy.noProxy === undefined ? [] : [{ name: 'NO_PROXY', value: proxy.noProxy }]),
  ];
}
