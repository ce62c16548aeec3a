import type { Cluster, Installation, Operation } from '@steward/shared';
import { element } from './element.ts';
import { keptText, moodOf } from './fleet.ts';

function time(at: string | undefined, before = ''): HTMLElement | undefined {
  if (!at) return undefined;
  return element('time', { datetime: at, title: at }, `${before}${new Date(at).toLocaleString()}`);
}

const FORWARD = ['verify', 'plan', 'approve', 'apply', 'roll-out', 'settle', 'done'];
const BACKWARD = ['verify', 'plan', 'approve', 'apply', 'roll-out', 'roll-back', 'done'];
const BAD = new Set(['failed', 'rolled-back', 'denied', 'expired', 'cancelled', 'unknown']);

function phases(operation: Operation): HTMLElement {
  const isBackward = operation.phase === 'roll-back' || operation.state === 'rolled-back';
  const names = withHooks(isBackward ? BACKWARD : FORWARD, operation.phase);
  const at = names.indexOf(operation.phase);
  const isWell = operation.state === 'succeeded';
  return element(
    'ol',
    { class: 'phases', 'aria-label': 'phases' },
    ...names.map((name, index) => {
      const isNow = index === at && !isWell;
      const marks = [
        index < at || isWell ? 'past' : '',
        isNow ? 'now' : '',
        isNow && BAD.has(operation.state) ? 'bad' : '',
      ];
      return element('li', { class: marks.join(' ').trim(), ...(isNow && { 'aria-current': 'step' }) }, name);
    }),
  );
}

/** Most services have no hooks: their phases are shown while one runs. */
function withHooks(names: readonly string[], phase: string): string[] {
  const next = { 'pre-hooks': 'apply', 'post-hooks': 'done' }[phase];
  return names.flatMap((name) => (name === next ? [phase, name] : [name]));
}

function titleOf({ kind, version }: Operation): string {
  if (kind === 'upgrade' || kind === 'rollback') return `${kind} to ${version}`;
  return kind === 'install' ? `install ${version}` : kind;
}

function operationView(operation: Operation): HTMLElement {
  const isBad = BAD.has(operation.state);
  return element(
    'div',
    { class: 'operation', 'data-operation': operation.id, 'data-state': operation.state },
    element(
      'div',
      { class: 'row' },
      element('span', { class: 'name' }, titleOf(operation)),
      element('span', isBad ? { class: 'error' } : {}, operation.state),
      element('span', { class: 'muted' }, `by ${operation.requestedBy}`),
      time(operation.finishedAt ?? operation.startedAt ?? operation.createdAt),
    ),
    phases(operation),
    operation.message && element('div', { class: 'message' }, operation.message),
  );
}

export interface ShownInstallation {
  installation: Installation;
  /** Its newest. */
  operation?: Operation | undefined;
}

export function installationView({ installation, operation }: ShownInstallation): HTMLElement {
  const { runningVersion, version } = installation;
  const kept = keptText(installation);
  const ready = installation.workloads
    .filter((workload) => workload.wanted !== undefined)
    .map((workload) => `${workload.kind}/${workload.name} ${workload.ready ?? 0}/${workload.wanted}`);
  return element(
    'article',
    { class: 'card', 'data-installation': installation.name },
    element(
      'div',
      { class: 'row' },
      element('h3', { class: 'name' }, installation.name),
      element(
        'span',
        { class: `badge ${moodOf(installation)}` },
        installation.isStale ? `${installation.health} (last known)` : installation.health,
      ),
      element('span', {}, `${installation.service} ${runningVersion ?? 'not running'}`),
      kept !== '' && element('span', { class: 'badge kept' }, kept),
      runningVersion !== version && element('span', { class: 'muted' }, `wanted: ${version}`),
      time(installation.healthSince, 'since '),
    ),
    element(
      'div',
      { class: 'muted' },
      `${installation.customer} / ${installation.cluster} / ${installation.namespace}`,
    ),
    ready.length > 0 && element('div', { class: 'muted' }, ready.join(' · ')),
    installation.message &&
      installation.message !== operation?.message &&
      element('div', { class: 'message' }, installation.message),
    installation.reasons.length > 0 &&
      element(
        'ul',
        { class: 'reasons' },
        ...installation.reasons.map((reason) =>
          element('li', {}, element('strong', {}, reason.code), ` ${reason.object}: ${reason.message}`),
        ),
      ),
    operation && operationView(operation),
  );
}

const CONNECTION_MOODS: Partial<Record<Cluster['connection'], string>> = {
  connected: 'healthy',
  offline: 'unhealthy',
  revoked: 'unhealthy',
};

export function clusterView(cluster: Cluster): HTMLElement {
  const facts = [
    cluster.customer,
    cluster.kubernetesVersion && `Kubernetes ${cluster.kubernetesVersion}`,
    cluster.agentVersion && `agent ${cluster.agentVersion}`,
  ];
  return element(
    'article',
    { class: 'card', 'data-cluster': cluster.name },
    element(
      'div',
      { class: 'row' },
      element('h3', { class: 'name' }, cluster.name),
      element('span', { class: `badge ${CONNECTION_MOODS[cluster.connection] ?? 'degraded'}` }, cluster.connection),
      element('span', { class: 'muted' }, facts.filter(Boolean).join(' · ')),
    ),
    element('div', { class: 'muted' }, cluster.connectionMessage),
  );
}

export interface LoginAttempt {
  email: string;
  password: string;
}

/** The form says that it works while the hub looks at the password. @param last what was tried before, and why it was refused */
export function loginView(
  onSubmit: (attempt: LoginAttempt) => void,
  last: { email?: string; error?: string },
): HTMLElement {
  const { email = '', error } = last;
  const button = element('button', { type: 'submit' }, 'Log in');
  const field = (label: string, attributes: Record<string, string>): HTMLElement =>
    element('label', {}, label, element('input', { required: '', ...attributes }));
  const form = element(
    'form',
    { class: 'card', 'aria-label': 'Log in' },
    field('E-mail', { name: 'email', type: 'email', autocomplete: 'username', value: email }),
    field('Password', { name: 'password', type: 'password', autocomplete: 'current-password' }),
    button,
    error !== undefined && element('p', { class: 'error', role: 'alert' }, error),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const data = new FormData(form as HTMLFormElement);
    const text = (name: string): string => {
      const value = data.get(name);
      return typeof value === 'string' ? value : '';
    };
    button.setAttribute('disabled', '');
    button.textContent = 'Logging in …';
    onSubmit({ email: text('email'), password: text('password') });
  });
  return form;
}
