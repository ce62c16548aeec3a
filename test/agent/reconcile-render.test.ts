import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Release } from '@steward/shared';
import type { Outcome } from '../../agent/src/reconcile/outcome.ts';
import { helmTemplate, removeOldRenders, type HelmLimits } from '../../agent/src/reconcile/render/helm.ts';
import { BoundedRender } from '../../agent/src/reconcile/render/worker/bounded-render.ts';
import { RenderRoom } from '../../agent/src/reconcile/render/render-room.ts';
import { unpackSet, type ReleaseSet } from '../../agent/src/reconcile/render/release-set.ts';
import { packChart } from '../charts/pack.ts';
import { waitUntil } from '../support/wait-until.ts';
import { buildProgram } from '../cluster/programs/programs.ts';

const entry = new URL('../../agent/src/reconcile/render/worker/render-worker-main.ts', import.meta.url);
const probe = `sha256:${'a'.repeat(64)}`;
const permission = (kind: string, apiGroup = ''): Release['permissions'][number] => ({
  apiGroup,
  apiVersion: 'v1',
  kind,
  resource: `${kind.toLowerCase()}s`,
  verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
  reason: 'test',
});
const release = {
  images: [{ reference: 'steward.test/probe:1', digest: probe }],
  permissions: [
    permission('ConfigMap'),
    permission('Service'),
    permission('Pod'),
    permission('Secret'),
    permission('Deployment', 'apps'),
    permission('Job', 'batch'),
  ],
  exceptions: {},
};
const meta = {
  service: 'web',
  version: '1.0.0',
  releaseDigest: probe,
  parametersDigest: probe,
  signedBy: probe,
  counter: 1,
  deadlineSeconds: 60,
  settleSeconds: 0,
  permissions: release.permissions,
};

const room = new RenderRoom();
const signal = AbortSignal.timeout(180_000);

let helmPath: string;
let tmpDir: string;

beforeAll(async () => {
  helmPath = await buildProgram('helm', console.error);
  tmpDir = await mkdtemp(join(tmpdir(), 'steward-test-'));
});
afterAll(async () => {
  await rm(tmpDir, { recursive: true });
});

interface Options {
  parameters?: Record<string, unknown>;
  apiVersions?: readonly string[];
  limits?: Partial<HelmLimits>;
  signal?: AbortSignal;
  tmpDir?: string;
}

async function print(chart: string, options: Options = {}): Promise<Outcome<Uint8Array>> {
  return helmTemplate({
    helmPath,
    tmpDir: options.tmpDir ?? tmpDir,
    name: 'shop',
    namespace: 'shop-ns',
    chart: await packChart(chart),
    parameters: options.parameters ?? {},
    isUpgrade: true,
    kubeVersion: 'v1.36.3',
    apiVersions: options.apiVersions ?? ['v1', 'apps/v1', 'apps/v1/Deployment'],
    signal: options.signal ?? AbortSignal.timeout(60_000),
    room,
    ...(options.limits && { limits: options.limits }),
  });
}

async function render(chart: string, options: Options = {}): Promise<Outcome<ReleaseSet>> {
  const printed = await print(chart, options);
  if (!printed.ok) return printed;
  const bounded = new BoundedRender({ entry, room, signal });
  try {
    const question = {
      printed: printed.value,
      kept: [],
      meta,
      release,
      organization: 'acme',
      installation: 'shop',
      releaseName: 'shop',
      namespace: 'shop-ns',
    };
    const packed = await bounded.readManifests(question);
    return packed.ok ? { ok: true, value: unpackSet(packed.value.bytes, packed.value.digest) } : packed;
  } finally {
    await bounded.stop();
  }
}

describe('rendering a chart', () => {
  it('gives its objects their namespace, the label of the installation and pinned images', async () => {
    const set = await render('web', { parameters: { text: 'good day' } });
    const objects = set.ok ? set.value.objects : [];
    expect(set).toMatchObject({ ok: true });
    expect(objects.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Service', 'Deployment']);
    for (const { metadata } of objects) {
      expect(metadata).toMatchObject({ namespace: 'shop-ns', labels: { 'steward.dev/installation': 'shop' } });
    }
    expect(JSON.stringify(objects)).toContain(`"image":"steward.test/probe:1@${probe}"`);
    expect(objects[0]).toMatchObject({ data: { text: 'good day' } });
  });

  it('tells the chart the real cluster, that it is an upgrade, and nothing of the agent', async () => {
    const set = await render('capabilities');
    expect(set.ok && set.value.objects[0]).toMatchObject({
      data: {
        kubernetes: 'v1.36.3',
        hasDeployments: 'true',
        hasOthers: 'false',
        isUpgrade: 'true',
        namespace: 'shop-ns',
        lookup: '{}',
        word: true,
        time: '22:22',
      },
    });
  });

  it('tells the chart every kind of a cluster that has very many', async () => {
    const many = Array.from({ length: 4_000 }, (_, n) => `group-${n}.resources.provider.example/v1beta1/Kind${n}`);
    const set = await render('capabilities', { apiVersions: [...many, 'apps/v1/Deployment', 'other.example/v1'] });
    expect(set.ok && set.value.objects[0]).toMatchObject({ data: { hasDeployments: 'true', hasOthers: 'true' } });
  });

  it('renders subcharts by their conditions and aliases, with values of their own and those of all', async () => {
    const set = await render('subcharts');
    const found = set.ok && set.value.objects.map(({ metadata, ...object }) => [metadata.name, object['data']]);
    expect(found).toEqual([
      ['shop-cache', { size: '2', word: 'shared' }],
      ['shop-part', { size: '1', word: 'shared' }],
      ['shop-own', expect.anything()],
    ]);
    const other = await render('subcharts', { parameters: { cache: { enabled: false }, spare: { enabled: true } } });
    expect(other.ok && other.value.objects.map(({ metadata }) => metadata.name)).toEqual([
      'shop-part',
      'shop-spare',
      'shop-own',
    ]);
  });

  it('keeps hooks apart, checked and pinned like the rest, leaves tests out and refuses what is none', async () => {
    const set = await render('hooks');
    expect(set.ok && set.value.objects.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Deployment']);
    expect(set.ok && set.value.hooks.map(({ object, events, weight }) => [object.kind, events.length, weight])).toEqual(
      [
        ['Secret', 1, -10],
        ['ConfigMap', 2, -5],
        ['Pod', 1, 0],
        ['Job', 8, 1],
      ],
    );
    expect(JSON.stringify(set.ok && set.value.hooks)).toContain(`"image":"steward.test/probe:1@${probe}"`);
    expect(await render('hooks', { parameters: { policy: 'always' } })).toMatchObject({
      ok: false,
      failure: { reason: 'render-failed', message: expect.stringContaining('Job/shop-step') },
    });
    expect(await render('hooks', { parameters: { image: 'steward.test/other:1' } })).toMatchObject({
      ok: false,
      failure: { reason: 'image-not-signed' },
    });
  });

  it.each([
    ['recursive', 'render-failed', 'does not render'],
    ['many', 'too-large', '2000 objects'],
    ['aliases', 'render-failed', 'aliases'],
    ['foreign-namespace', 'foreign-namespace', 'kube-system'],
    ['cluster-role', 'kind-not-permitted', 'ClusterRole/shop-all'],
    ['privileged', 'forbidden-pod-setting', 'privileged'],
    ['host-path', 'forbidden-pod-setting', 'hostPath /'],
    ['store', 'kind-not-permitted', 'StatefulSet/shop'],
    ['huge', 'too-large', 'MiB'],
    ['hungry', 'too-large', '96 MiB of memory'],
  ])('refuses the chart %s: %s', async (chart, reason, words) => {
    expect(await render(chart)).toMatchObject({
      ok: false,
      failure: { reason, message: expect.stringContaining(words) },
    });
  });

  it('refuses an image that the release does not list', async () => {
    expect(await render('web', { parameters: { image: 'steward.test/other:1' } })).toMatchObject({
      ok: false,
      failure: { reason: 'image-not-signed', message: expect.stringContaining('steward.test/other:1') },
    });
  });

  it('ends a chart that does not come to an end', async () => {
    expect(await print('endless', { limits: { timeoutMs: 1_000 } })).toMatchObject({
      ok: false,
      failure: { reason: 'render-timeout' },
    });
  });

  it('reads no more of what a chart prints than fits', async () => {
    expect(await print('web', { limits: { outputBytes: 512 } })).toMatchObject({
      ok: false,
      failure: { reason: 'too-large', message: expect.stringContaining('renders to more than') },
    });
  });

  it('says why a chart fails without the parameters it was given', async () => {
    const failed = await print('broken', { parameters: { text: 'hunter2-secret' } });
    expect(failed).toMatchObject({ ok: false, failure: { message: expect.stringContaining('cannot use ***') } });
    expect(JSON.stringify(failed)).not.toContain('hunter2');
  });

  it('says so when there is nowhere to write, and an agent starts all the same', async () => {
    const nowhere = await print('web', { tmpDir: helmPath });
    expect(nowhere).toMatchObject({ ok: false, failure: { reason: 'scratch-unwritable' } });
    expect(JSON.stringify(nowhere)).toContain('ENOTDIR');
    expect(await removeOldRenders(helmPath)).toMatchObject({ code: 'ENOTDIR' });
  });

  it('leaves no file and no process behind, also when it is ended', async () => {
    const end = new AbortController();
    const ended = print('endless', { signal: end.signal });
    setTimeout(() => end.abort(new Error('stopped')), 300);
    await expect(ended).rejects.toThrow('stopped');
    expect(await readdir(tmpDir)).toEqual([]);
    for (const pid of await readdir('/proc')) {
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      expect(folder.startsWith(tmpDir), `${pid} in ${folder}`).toBe(false);
    }
  });
});

describe('renders at the same time', () => {
  interface Child {
    ownMiB: number;
    /** The names of its environment. */
    told: string[];
    oomScoreAdj: string;
  }

  /** The helm children of this test that live now. */
  async function children(): Promise<Child[]> {
    const found = (await readdir('/proc')).map(async (pid): Promise<Child | undefined> => {
      const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      if (!folder.startsWith(tmpDir)) return undefined;
      const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
      const [, resident = 0, shared = 0] = (await read('statm')).split(' ').map(Number);
      const told = (await read('environ')).split('\0').map((one) => one.split('=')[0] ?? '');
      return { ownMiB: ((resident - shared) * 4) / 1024, told, oomScoreAdj: (await read('oom_score_adj')).trim() };
    });
    return (await Promise.all(found)).filter((child) => child !== undefined);
  }

  it('only one gets much memory, the others wait for it, and a small one does not', async () => {
    const order: string[] = [];
    const hungry = [1, 2, 3].map(async () => {
      expect(await print('hungry')).toMatchObject({ ok: false, failure: { reason: 'too-large' } });
      order.push('hungry');
    });
    const ends = Promise.all(hungry);
    let most = 0;
    const small = print('web').then((outcome) => {
      expect(outcome).toMatchObject({ ok: true });
      order.push('small');
    });
    const all = Promise.all([ends, small]).then(() => 'ended');
    while ((await Promise.race([all, delay(5)])) !== 'ended') {
      const large = (await children()).filter(({ ownMiB }) => ownMiB > 60);
      most = Math.max(most, large.length);
    }
    expect(most).toBe(1);
    expect(order.indexOf('small')).toBeLessThan(2);
  });

  it('the kernel ends a child before the agent, of whose environment it has nothing', async () => {
    const end = new AbortController();
    const ended = print('endless', { signal: end.signal });
    const started = async (): Promise<Child | undefined> =>
      (await children()).find(({ told }) => told.includes('GOMEMLIMIT'));
    const { told, oomScoreAdj } = await waitUntil(started, { what: 'helm runs' });
    expect(oomScoreAdj).toBe('1000');
    const folders = ['HOME', 'HELM_CACHE_HOME', 'HELM_CONFIG_HOME', 'HELM_DATA_HOME', 'KUBECONFIG'];
    expect(told.filter(Boolean).sort()).toEqual([...folders, 'GOMEMLIMIT'].sort());
    end.abort(new Error('seen'));
    await expect(ended).rejects.toThrow('seen');
  });
});

describe('checking parameters', () => {
  async function check(schema: Record<string, unknown>, parameters: Record<string, unknown>): Promise<Outcome<void>> {
    const bounded = new BoundedRender({ entry, room, signal });
    try {
      return await bounded.checkParameters({ schema, parameters });
    } finally {
      await bounded.stop();
    }
  }

  it('names what may not be set, without its value', async () => {
    const schema = { type: 'object', additionalProperties: false, properties: { replicas: { type: 'integer' } } };
    expect(await check(schema, { replicas: 2 })).toEqual({ ok: true, value: undefined });
    const refused = await check(schema, { replicas: 'hunter2', other: 'hunter2' });
    expect(refused).toMatchObject({ ok: false, failure: { reason: 'invalid-parameters' } });
    expect(JSON.stringify(refused)).toMatch(/other may not be set.*replicas must be integer/);
    expect(JSON.stringify(refused)).not.toContain('hunter2');
  });

  it('ends a schema whose check takes for ever', async () => {
    const schema = { type: 'object', properties: { text: { type: 'string', pattern: '^(a+)+$' } } };
    expect(await check(schema, { text: `${'a'.repeat(60)}!` })).toMatchObject({
      ok: false,
      failure: { reason: 'invalid-parameters', message: expect.stringContaining('two seconds') },
    });
  });

  it('ends a schema that eats memory', async () => {
    const properties = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, { enum: [i, `${i}`] }]));
    const anyOf = Array.from({ length: 40 }, () => ({ type: 'object', properties: structuredClone(properties) }));
    expect(await check({ type: 'object', anyOf }, {})).toMatchObject({ ok: false });
  });

  it('loads no schema from elsewhere', async () => {
    expect(await check({ $ref: 'https://evil.example/schema.json' }, {})).toMatchObject({
      ok: false,
      failure: { message: expect.stringContaining("can't resolve reference") },
    });
  });
});
