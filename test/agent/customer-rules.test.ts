import { AGENT_OBJECT, API_VERSION } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeObject, ResourceRef } from '../../agent/src/kube/client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type Where } from './reconcile-fixture.ts';

const AGENTS: ResourceRef = {
  group: 'steward.dev',
  version: 'v1alpha1',
  kind: 'Agent',
  plural: 'agents',
  namespaced: true,
};

let fixture: ReconcileFixture;
/** Needs no pods. */
let release: Published;
let where: Where;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  release = await fixture.publish({ chart: 'password' });
  const { namespace } = fixture;
  await fixture.apply([{ apiVersion: API_VERSION, kind: 'Agent', metadata: { name: AGENT_OBJECT, namespace } }]);
  await fixture.start();
  where = await fixture.installed(release);
});
afterAll(() => fixture.close());

function rule(kind: string, name: string, spec: unknown): KubeObject {
  return { apiVersion: API_VERSION, kind, metadata: { name, namespace: fixture.namespace }, spec };
}

/** As a tool does that does not ask for strict words, like Argo CD or Flux. */
const write = (object: KubeObject): Promise<string> =>
  fixture.admin.create(object, { dryRun: true }).then(
    () => 'taken',
    (error: unknown) => String(error),
  );

async function problems(): Promise<string[]> {
  const agent = await fixture.admin.get(AGENTS, fixture.namespace, AGENT_OBJECT);
  return (agent?.['status'] as { problems?: string[] } | undefined)?.problems ?? [];
}

const rules = { upgrade: 'allow' };

describe('a rule with nonsense in it', () => {
  it.each([
    ['a word that is not known', 'SupportPolicy', { rules, frezee: true }, 'spec has the word "frezee"'],
    ['a class that is not known', 'SupportPolicy', { rules: { upgarde: 'deny' } }, 'spec.rules has the word "upgarde"'],
    ['an effect that is not known', 'SupportPolicy', { rules: { upgrade: 'perhaps' } }, 'Unsupported value: "perhaps"'],
    ['no rules', 'SupportPolicy', { freeze: true }, 'spec.rules: Required'],
    ['an empty list', 'SupportPolicy', { rules, installations: [] }, 'spec.installations'],
    ['a name that no installation has', 'SupportPolicy', { rules, installations: ['prod/shop'] }, 'spec.installations'],
    ['a text for a switch', 'SupportPolicy', { rules, freeze: 'yes' }, 'spec.freeze'],
    ['ten thousand names', 'SupportPolicy', { rules, installations: Array(10_000).fill('a') }, 'spec.installations'],
    ['a mirror that is misspelt', 'ImageSource', { mirror: [] }, 'spec has the word "mirror"'],
    ['a mirror without a place', 'ImageSource', { mirrors: [{ from: 'docker.io' }] }, 'spec.mirrors[0].to: Required'],
  ])('is refused by the API server as it is written, by its place: %s', async (_what, kind, spec, place) => {
    const object = rule(kind, 'x', spec);
    // The API server takes a new policy up within moments.
    await waitUntil(async () => (await write(object)).includes(place), { what: `${kind} is refused: ${place}` });
  });

  it('that was there before is told at once, denies, and is forgotten with its cure', async () => {
    const web = await fixture.publish({ chart: 'web' });
    const watched = fixture.installation();
    await fixture.grant(watched.name, web);
    await fixture.hub.reach(fixture.offer({ ...watched, generation: 1, release: web, kind: 'install' }), {
      phase: 'roll-out',
    });
    // As in a cluster whose policy of words was taken away.
    await fixture.kubectl('delete', 'validatingadmissionpolicybinding', `steward-words-${fixture.organization}`);
    const object = rule('SupportPolicy', 'ours', { rules, frezee: true });
    await waitUntil(
      () =>
        fixture.admin.create(object).then(
          () => true,
          () => false,
        ),
      { what: 'nobody refuses it any more' },
    );
    const [told] = await waitUntil(async () => ((await problems()).length > 0 ? await problems() : undefined), {
      what: 'the Agent object tells it',
    });
    expect(told).toMatch(
      /^SupportPolicy ours cannot be read, so every change is denied: .*"frezee".* kubectl edit supportpolicies ours -n /,
    );
    expect(await fixture.kubectl('get', 'agents', '-n', fixture.namespace)).toContain(
      'SupportPolicy ours cannot be read',
    );
    expect(fixture.logged.some((line) => line.includes('rules cannot all be read') && line.includes('frezee'))).toBe(
      true,
    );
    await waitUntil(
      () => fixture.hub.health[watched.installationId]?.reasons.some(({ code }) => code === 'RuleUnreadable'),
      {
        what: 'the hub is told with the installation',
      },
    );
    const parameters = { text: 'b' };
    const denied = await fixture.hub.end(
      fixture.offer({ ...where, generation: 2, release, kind: 'upgrade', parameters }),
    );
    expect(denied).toMatchObject({ state: 'denied', reason: 'denied-by-policy' });
    await fixture.kubectl('delete', 'supportpolicy', 'ours', '-n', fixture.namespace);
    await waitUntil(async () => (await problems()).length === 0, { what: 'nothing is told any more' });
  });

  it('as an approval that does not count is told in the operation, and the right one still counts', async () => {
    const parameters = { text: 'b' };
    const operation = fixture.offer({ ...where, generation: 3, release, kind: 'upgrade', parameters });
    const { message } = await fixture.hub.reach(operation, { state: 'awaiting-approval' });
    const [approve = ''] = message.match(/kubectl create[\s\S]*?\nEOF/g) ?? [];
    await fixture.paste(approve.replace(/planDigest: sha256:.{4}/, 'planDigest: sha256:beef'));
    await fixture.paste(approve.replace(/expiresAt: .*/, 'expiresAt: "2020-01-01T00:00:00Z"'));
    const told = await waitUntil(
      () => {
        const last = fixture.hub.last(operation)?.message ?? '';
        return last.includes('another plan') && last.includes('over at 2020-01-01') ? last : undefined;
      },
      { what: 'both are told' },
    );
    expect(told).toMatch(/OperationApproval\/approve-\S+ does not count/);
    expect(told).toContain('To approve this plan:');
    await fixture.paste(approve);
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'succeeded' });
  });
});
