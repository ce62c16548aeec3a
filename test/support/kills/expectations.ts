import type { Installation, OperationDetails } from '@steward/shared';
import type { Lane, Mortal } from './lane.ts';
import { VERSIONS } from './lane.ts';
import { LIFE, type Stage } from './points.ts';

/** What is there when a stage is over, however it went. */
interface Outcome {
  state: string;
  reasonCode?: string;
  /** Of the installation, on the hub. */
  installation: string;
  runs: string;
  text: string;
  /** Of the Deployment: each generation was applied once. */
  specChanges: number;
  /** Made so far by hooks, without the marks of their operations. */
  jobs: string[];
}

const OUTCOMES: Record<Exclude<Stage, 'uninstall'>, Outcome> = {
  install: {
    state: 'succeeded',
    installation: 'running',
    runs: VERSIONS.first,
    text: 'a',
    specChanges: 1,
    jobs: ['post-install'],
  },
  upgrade: {
    state: 'succeeded',
    installation: 'running',
    runs: VERSIONS.second,
    text: 'b',
    specChanges: 2,
    jobs: ['post-install', 'pre-upgrade'],
  },
  'bad upgrade': {
    state: 'rolled-back',
    reasonCode: 'image-pull-failed',
    installation: 'rolled-back',
    runs: VERSIONS.second,
    text: 'b',
    specChanges: 4,
    jobs: ['post-install', 'pre-upgrade', 'pre-upgrade'],
  },
  rollback: {
    state: 'succeeded',
    installation: 'running',
    runs: VERSIONS.first,
    text: 'a',
    specChanges: 5,
    jobs: ['post-install', 'pre-upgrade', 'pre-upgrade'],
  },
};

export interface Ended {
  lane: Lane;
  stage: Stage;
  mortal: Mortal;
  operation: string;
}

/** Collects what is not as it should be, in words. */
class Differences {
  readonly found: string[] = [];

  same(what: string, is: unknown, wanted: unknown): void {
    const [a, b] = [JSON.stringify(is), JSON.stringify(wanted)];
    if (a !== b) this.found.push(`${what} is ${a}, not ${b}`);
  }
}

/** Everything that is not as it should be after a stage; nothing when both sides agree and each effect was made once. */
export async function differencesAfter(ended: Ended): Promise<string[]> {
  const differences = new Differences();
  await compareOperation(ended, differences);
  if (ended.stage === 'uninstall') await compareNothing(ended, differences);
  else await compareService(ended, OUTCOMES[ended.stage], differences);
  compareEffects(ended, differences);
  return differences.found;
}

/** The hub's row, what it was told, and the journal in the cluster. */
async function compareOperation({ lane, stage, mortal, operation }: Ended, differences: Differences): Promise<void> {
  const onHub = await lane.stack.api.get<OperationDetails>(`/operations/${operation}`);
  const { status } = await lane.kube.call<{ status: Record<string, unknown> }>(
    'GET',
    `/apis/steward.dev/v1alpha1/namespaces/${lane.agentNamespace}/operations/op-${operation}`,
  );
  const wanted = stage === 'uninstall' ? { state: 'succeeded' } : OUTCOMES[stage];
  differences.same("the operation's state on the hub", onHub.state, wanted.state);
  differences.same('its reason', onHub.reasonCode, 'reasonCode' in wanted ? wanted.reasonCode : undefined);
  for (const field of ['state', 'phase', 'message'] as const)
    differences.same(`its ${field} on the hub`, onHub[field], status[field]);
  // Revision 0 is the hub's own entry.
  const told = onHub.transitions.map(({ revision }) => revision).filter((revision) => revision > 0);
  const written = [...new Set(lane.ledger.journal(operation).map(({ revision }) => revision))];
  differences.same(
    'what the hub was told',
    told,
    written.filter((revision) => revision > 0),
  );
  differences.same('what the hub has confirmed', status['ackedRevision'], status['revision']);
  const { rows } = await lane.database.query<{ kind: string; finished: boolean }>(
    'SELECT kind, finished_at IS NOT NULL AS finished FROM operations WHERE installation_id = $1 ORDER BY generation',
    [mortal.id],
  );
  const kinds = LIFE.slice(0, LIFE.indexOf(stage) + 1).map((each) => (each === 'bad upgrade' ? 'upgrade' : each));
  differences.same(
    'operations on the hub',
    rows,
    kinds.map((kind) => ({ kind, finished: true })),
  );
}

async function compareService(
  { lane, stage, mortal }: Ended,
  wanted: Outcome,
  differences: Differences,
): Promise<void> {
  const { namespace, name } = mortal;
  const map = await lane.kube.call<{ data: Record<string, string> }>(
    'GET',
    `/api/v1/namespaces/${namespace}/configmaps/${name}`,
  );
  const deployment = await lane.kube.call<{
    metadata: { generation: number };
    status: { observedGeneration?: number; readyReplicas?: number; replicas?: number };
  }>('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
  differences.same('the text', map.data['text'], wanted.text);
  differences.same('changes of the Deployment', deployment.metadata.generation, wanted.specChanges);
  const { observedGeneration, readyReplicas, replicas } = deployment.status;
  differences.same('its pods', [observedGeneration, readyReplicas, replicas], [wanted.specChanges, 1, 1]);
  const generation = LIFE.indexOf(stage) + 1;
  const shown = await lane.stack.api.get<Installation>(`/installations/${mortal.id}`);
  const runningGeneration = stage === 'bad upgrade' ? generation - 1 : generation;
  differences.same(
    'the installation on the hub',
    [shown.state, shown.runningVersion, shown.generation, shown.observedGeneration, shown.health],
    [wanted.installation, wanted.runs, generation, runningGeneration, 'healthy'],
  );
  const { status } = await lane.kube.call<{ status: Record<string, unknown> }>(
    'GET',
    `/apis/steward.dev/v1alpha1/namespaces/${lane.agentNamespace}/installations/${name}`,
  );
  differences.same(
    'the installation in the cluster',
    [status['state'], status['version'], status['generation'], status['observedGeneration'], status['health']],
    [wanted.installation, wanted.runs, generation, runningGeneration, 'healthy'],
  );
}

/** In a namespace that had a grant and an installation. */
const STAYS = /^(events|events\.k8s\.io)\/|\/(default|kube-root-ca\.crt)$|^(roles|rolebindings|serviceaccounts)\//;

async function compareNothing({ lane, mortal }: Ended, differences: Differences): Promise<void> {
  const keys = await lane.ledger.keys();
  const left = keys.filter((key) => key.includes(`/${mortal.namespace}/`) && !STAYS.test(key));
  const kept = keys.filter((key) => key.startsWith(`secrets/${lane.agentNamespace}/render-${mortal.name}-`));
  differences.same('what is left', [...left, ...kept], []);
  const { items } = await lane.stack.api.get<{ items: Installation[] }>(
    `/installations?name=${mortal.name}&removed=true`,
  );
  differences.same(
    'the installation on the hub',
    items.map(({ state }) => state),
    ['removed'],
  );
}

/** Counted by nobody who took part. */
function compareEffects({ lane, stage, mortal }: Ended, differences: Differences): void {
  const { namespace, name } = mortal;
  const { ledger, agent } = lane;
  const jobs = stage === 'uninstall' ? OUTCOMES.rollback.jobs : OUTCOMES[stage].jobs;
  const made = ledger.creations('jobs', namespace);
  differences.same('Jobs that were made', made.map((job) => job.slice(name.length + 1, -9)).sort(), jobs);
  differences.same('Jobs by name', new Set(made).size, made.length);
  differences.same('Deployments that were made', ledger.creations('deployments', namespace), [name]);
  differences.same('Secrets that were made', ledger.creations('secrets', namespace), [`${name}-auth`]);
  differences.same('passwords', ledger.passwords(namespace, `${name}-auth`).length, 1);
  differences.same('deaths of the agent by itself', agent.endedByItself, 0);
}
