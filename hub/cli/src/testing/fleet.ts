import type { Cluster, Installation, Operation, OperationDetails, OperationTransition } from '@steward/shared';

export const ids = {
  cluster: '0192f0c1-0000-7000-8000-000000000001',
  installation: '0192f0c1-0000-7000-8000-000000000002',
  operation: '0192f0c1-0000-7000-8000-000000000003',
};
const at = '2026-11-21T12:00:00.000Z';
const digest = `sha256:${'a'.repeat(64)}`;

export function cluster(rest: Partial<Cluster> = {}): Cluster {
  return {
    id: ids.cluster,
    name: 'prod',
    customer: 'beta',
    createdAt: at,
    connection: 'connected',
    connectionMessage: 'connected since 12:00',
    ...rest,
  };
}

export function installation(rest: Partial<Installation> = {}): Installation {
  return {
    id: ids.installation,
    name: 'nats',
    cluster: 'prod',
    customer: 'beta',
    service: 'nats',
    namespace: 'nats',
    createdAt: at,
    generation: 1,
    version: '2.14.9',
    parameters: {},
    action: 'run',
    observedGeneration: 1,
    runningVersion: '2.14.9',
    state: 'running',
    health: 'healthy',
    reasons: [],
    workloads: [],
    isStale: false,
    ...rest,
  };
}

export function operation(rest: Partial<Operation> = {}): Operation {
  return {
    id: ids.operation,
    installationId: ids.installation,
    installation: 'nats',
    cluster: 'prod',
    customer: 'beta',
    kind: 'upgrade',
    generation: 2,
    version: '2.15.2',
    releaseDigest: digest,
    state: 'running',
    phase: 'apply',
    message: 'applying',
    requestedBy: 'sam@acme.example',
    createdAt: at,
    startedAt: at,
    notAfter: at,
    ...rest,
  };
}

export function transition(revision: number, rest: Partial<OperationTransition> = {}): OperationTransition {
  return { revision, state: 'running', phase: 'apply', message: `step ${revision}`, at, ...rest };
}

export function details(transitions: OperationTransition[], rest: Partial<Operation> = {}): OperationDetails {
  return { ...operation(rest), transitions };
}
