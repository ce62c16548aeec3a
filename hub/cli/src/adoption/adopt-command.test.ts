import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@steward/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cluster as clusterRow, ids, installation, operation } from '../testing/fleet.ts';
import { startTestHub, type TestHub, type TestRoute } from '../testing/test-hub.ts';
import { testTerminal, type TestTerminal } from '../testing/test-terminal.ts';
import { runSteward } from '../program/program.ts';

let hub: TestHub | undefined;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
});
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
  await rm(folder, { recursive: true });
});

const cluster = (name: string) => clusterRow({ name });
const created = { installation: installation({}), operation: { id: ids.operation }, grantCommand: 'curl … | kubectl' };
const operations = `POST /installations/${ids.installation}/operations`;
const chart = Buffer.from('a chart');
const exported = {
  installation: 'nats',
  cluster: 'prod',
  customer: 'beta',
  service: 'nats',
  version: '2.14.9',
  releaseName: 'old',
  namespace: 'messaging',
  releaseDigest: sha256('r'),
  chart: { name: 'nats', version: '2.14.9', digest: sha256(chart), bytes: chart.length },
  parameters: { replicas: 3 },
  images: [{ reference: 'docker.io/library/nats:2.14', digest: sha256('i') }],
  imagesAsAdopted: true,
  madeUp: ['Secret/old-auth'],
  runState: { stopped: false, replicas: { 'StatefulSet/old': 5 } },
};

async function steward(
  line: string,
  routes: Record<string, TestRoute> = {},
): Promise<{ code: number; terminal: TestTerminal; sent: unknown }> {
  hub = await startTestHub({
    'GET /clusters': () => ({ items: [cluster('prod')] }),
    'GET /installations': () => ({ items: [] }),
    'POST /installations': () => created,
    ...routes,
  });
  const terminal = testTerminal({ cwd: folder, env: { STEWARD_URL: hub.url, STEWARD_TOKEN: 'secret-token' } });
  const code = await runSteward(line.split(' '), terminal);
  const post = hub.requests.find(({ method }) => method === 'POST');
  return { code, terminal, sent: post && JSON.parse(post.body.toString()) };
}

describe('adopt', () => {
  it("makes an installation of that Helm release on the customer's only cluster, and prints the line with its rights", async () => {
    const line = 'adopt nats --customer beta --release-name old --namespace messaging --set replicas=3';
    const { code, terminal, sent } = await steward(line);
    expect([code, sent]).toEqual([
      0,
      {
        name: 'old',
        service: 'nats',
        cluster: 'prod',
        customer: 'beta',
        namespace: 'messaging',
        parameters: { replicas: 3 },
        adopt: { releaseName: 'old' },
      },
    ]);
    expect(terminal.stdout()).toBe('curl … | kubectl\n');
  });

  it('goes on with the installation when it is said again', async () => {
    const known = installation({ name: 'old', generation: 4, parameters: { replicas: 3 } });
    const { code, sent } = await steward('adopt nats --cluster prod --release-name old --accept-differences', {
      'GET /installations': () => ({ items: [known] }),
      [operations]: () => operation({ kind: 'adopt', state: 'queued' }),
    });
    expect([code, sent]).toEqual([0, { kind: 'adopt', acceptDifferences: true, expectedGeneration: 4 }]);
  });

  it('does not take another one for it', async () => {
    const known = installation({ name: 'old', namespace: 'elsewhere' });
    const routes = { 'GET /installations': () => ({ items: [known] }) };
    const { code, terminal } = await steward('adopt nats --cluster prod --release-name old --namespace shop', routes);
    expect(code).toBe(6);
    expect(terminal.stderr()).toContain('the Helm release old in namespace elsewhere');
  });

  it('takes a version or a channel, not both', async () => {
    const { code, terminal, sent } = await steward('adopt nats --cluster prod --version 1.0.0 --channel beta');
    expect([code, sent]).toEqual([2, undefined]);
    expect(terminal.stderr()).toContain('--version and --channel: give one of them');
  });

  it('asks which cluster when the customer has several, and which at all', async () => {
    const routes = { 'GET /clusters': () => ({ items: [cluster('prod'), cluster('test')] }) };
    const several = await steward('adopt nats --customer beta', routes);
    expect(several.code).toBe(6);
    expect(several.terminal.stderr()).toContain('--cluster beta/prod or --cluster beta/test');
    await hub?.stop();
    expect((await steward('adopt nats')).code).toBe(2);
  });
});

describe('export', () => {
  const routes: Record<string, TestRoute> = {
    'GET /installations': () => ({ items: [installation({})] }),
    [`GET /installations/${ids.installation}/export`]: () => exported,
    [`GET /installations/${ids.installation}/chart`]: (_, response) => void response.end(chart),
  };

  it('writes what plain Helm needs, and says what it does not keep', async () => {
    const { code, terminal } = await steward('export nats --output-dir out --output json', routes);
    expect(code).toBe(0);
    const read = (name: string) => readFile(join(folder, 'out', name));
    expect(await read('nats-2.14.9.tgz')).toEqual(chart);
    expect((await read('values.yaml')).toString()).toBe('replicas: 3\n');
    expect((await read('images.txt')).toString()).toBe(`docker.io/library/nats:2.14@${sha256('i')}\n`);
    const command = 'helm upgrade --install old ./nats-2.14.9.tgz --namespace messaging --values values.yaml';
    expect((await read('README.md')).toString()).toContain(command);
    const said = JSON.parse(terminal.stdout()) as { commands: unknown; notes: string[] };
    expect(said.commands).toMatchObject({ afterLeave: command });
    expect(said.notes.join('\n')).toMatch(/Secret\/old-auth.*\n.*StatefulSet\/old at 5/);
  });

  it.each([
    [3, 'This is 2.14.9, the last version that ran well: what runs may differ.'],
    [0, 'This is 2.14.9, the version that is wanted; none ran well: what runs may differ.'],
  ])(
    'says of one that failed after generation %i that it is not certain what runs',
    async (observedGeneration, said) => {
      const failed = installation({ state: 'failed', observedGeneration });
      const { code, terminal } = await steward('export nats', {
        ...routes,
        'GET /installations': () => ({ items: [failed] }),
      });
      expect([code, terminal.stderr()]).toEqual([0, expect.stringContaining(said)]);
      expect((await readFile(join(folder, 'nats', 'README.md'))).toString()).toContain(said);
    },
  );

  it('writes over nothing, and takes no other chart', async () => {
    expect((await steward('export nats', routes)).code).toBe(0);
    await hub?.stop();
    expect((await steward('export nats', routes)).code).toBe(2);
    await hub?.stop();
    const other: TestRoute = (_, response) => void response.end('another');
    const wrong = await steward('export nats --output-dir b', {
      ...routes,
      [`GET /installations/${ids.installation}/chart`]: other,
    });
    expect([wrong.code, wrong.terminal.stderr()]).toEqual([1, expect.stringContaining('not the one that was signed')]);
  });
});

describe('leave', () => {
  it('is a word of its own and asks before', async () => {
    const routes = {
      'GET /installations': () => ({ items: [installation({ generation: 4 })] }),
      [operations]: () => operation({ kind: 'leave', state: 'queued' }),
    };
    expect((await steward('leave nats', routes)).code).toBe(2);
    await hub?.stop();
    const { code, sent, terminal } = await steward('leave nats --yes', routes);
    expect([code, sent]).toEqual([0, { kind: 'leave', expectedGeneration: 4 }]);
    expect(terminal.stderr()).toContain('steward export');
  });
});
