import { PublishRelease, compile, verifyRelease, type ReleaseDetails, type ReleaseEnvelope } from '@steward/shared';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSteward } from '../program/program.ts';
import { startTestHub, TestProblem, type TestHub, type TestRoute } from '../testing/test-hub.ts';
import { testTerminal } from '../testing/test-terminal.ts';
import { loadPublicKey } from './key-file.ts';

const id = '0192f0c1-5a3e-7cc0-8000-2f5f7b1f9b11';
const at = '2026-11-21T12:00:00.000Z';
const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const pod = `---
# Source: web/templates/pod.yaml
apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  securityContext: { runAsNonRoot: true }
  containers: [{ name: web, image: "acme/web:1" }]
`;

let folder: string;
let hub: TestHub;
/** What the hub has stored, by version. */
let stored: Map<string, ReleaseDetails>;
let services: { slug: string; channels: Record<string, string> }[];
let lost: number;

function detailsOf(envelope: ReleaseEnvelope): ReleaseDetails {
  const release = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as ReleaseDetails['release'];
  const signedBy = envelope.signatures[0]?.keyid ?? '';
  const { service, version, counter } = release;
  const times = { createdAt: at, publishedAt: at };
  return {
    service,
    version,
    counter,
    digest: digest('d'),
    chartDigest: release.chart.digest,
    signedBy,
    ...times,
    release,
    envelope,
  };
}

const publish: TestRoute = ({ body }) => {
  const decoded = compile(PublishRelease)(JSON.parse(body.toString()));
  if (!decoded.ok) throw new TestProblem('invalid-release', decoded.error);
  const details = detailsOf(decoded.value.envelope);
  if (lost > 0) {
    lost -= 1;
    throw new TestProblem('conflict', 'the counter is taken');
  }
  stored.set(details.version, details);
  return details;
};

async function startHub(trusted: string[]): Promise<TestHub> {
  const service = (slug: string) => {
    const found = services.find((one) => one.slug === slug);
    if (!found) throw new TestProblem('not-found', `no service ${slug}`);
    return { id, name: slug, createdAt: at, ...found };
  };
  const release = (version: string) => () => {
    const details = stored.get(version);
    if (!details) throw new TestProblem('not-found', 'no such release');
    return details;
  };
  const keys = await Promise.all(trusted.map((path) => loadPublicKey(join(folder, path))));
  return startTestHub({
    'GET /release-keys': () => ({ items: keys.map((key) => ({ ...key, name: 'main', createdAt: at })) }),
    'GET /services/web': () => service('web'),
    'POST /services': ({ body }) => {
      services.push({ slug: (JSON.parse(body.toString()) as { slug: string }).slug, channels: {} });
      return service('web');
    },
    'GET /services/web/releases': () => ({ items: [...stored.values()] }),
    'GET /services/web/releases/1.0.0': release('1.0.0'),
    'GET /services/web/releases/2.0.0': release('2.0.0'),
    'PUT /services/web/channels/stable': ({ body }) => ({
      service: 'web',
      name: 'stable',
      updatedAt: at,
      version: (JSON.parse(body.toString()) as { version: string }).version,
    }),
    'POST /releases': publish,
    'PUT /charts/*': ({ body, path }) => ({
      digest: decodeURIComponent(path.slice('/charts/'.length)),
      bytes: body.length,
    }),
  });
}

/** Stands for helm: prints the pod whatever it is asked. */
async function writeHelm(script: string): Promise<void> {
  const path = join(folder, 'helm');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

async function steward(line: string, env: Record<string, string> = {}) {
  const terminal = testTerminal({
    cwd: folder,
    env: {
      STEWARD_URL: hub.url,
      STEWARD_TOKEN: 't',
      STEWARD_HELM: join(folder, 'helm'),
      XDG_CONFIG_HOME: folder,
      ...env,
    },
  });
  return { code: await runSteward(line.split(' '), terminal), terminal };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-publish-'));
  stored = new Map();
  services = [];
  lost = 0;
  await mkdir(join(folder, 'web', 'templates'), { recursive: true });
  await writeFile(join(folder, 'web', 'Chart.yaml'), 'apiVersion: v2\nname: web\nversion: 1.0.0\n');
  await writeFile(join(folder, 'web', 'values.yaml'), '# how many\nreplicas: 1\nimage: { tag: "1" }\n');
  await writeFile(join(folder, 'web', 'templates', 'pod.yaml'), 'kind: Pod');
  await writeHelm(`cat <<'YAML'\n${pod}\nYAML`);
  hub = await startTestHub({});
  await steward('keys create main.key');
  await steward('keys create other.key');
  await hub.stop();
  hub = await startHub(['main.key']);
});
afterEach(async () => {
  await hub.stop();
  await rm(folder, { recursive: true });
});

async function publishWeb(more = ''): ReturnType<typeof steward> {
  const line = `publish web --key main.key --image acme/web:1=${digest('a')} --no-registry${more}`;
  return steward(line);
}

describe('publish', () => {
  it('uploads the chart, then a release that verifies and says what was found', async () => {
    const { code, terminal } = await publishWeb(' --channel stable');
    expect(terminal.stderr()).not.toContain('error');
    expect(code).toBe(0);
    const [upload] = hub.requests.filter(({ path }) => path.startsWith('/charts/'));
    const [sent] = hub.requests.filter(({ path }) => path === '/releases');
    const { envelope, channels } = JSON.parse(sent?.body.toString() ?? '') as { envelope: unknown; channels: string[] };
    const verified = verifyRelease(envelope, [await loadPublicKey(join(folder, 'main.key.pub'))]);
    if (!verified.ok) throw new Error(verified.error);
    const { release } = verified.value;
    expect(channels).toEqual(['stable']);
    expect(release).toMatchObject({
      service: 'web',
      version: '1.0.0',
      counter: 1,
      images: [{ reference: 'docker.io/acme/web:1', digest: digest('a') }],
      parameters: { type: 'object', additionalProperties: false },
      chart: { digest: decodeURIComponent(upload?.path.slice('/charts/'.length) ?? ''), bytes: upload?.body.length },
    });
    expect(terminal.stdout()).toContain(`release ${verified.value.digest}`);
    expect(services).toEqual([{ slug: 'web', channels: {} }]);
  });

  it('changes nothing the second time, and refuses other content under the same version', async () => {
    await publishWeb();
    const before = hub.requests.length;
    const again = await publishWeb();
    expect(again.code).toBe(0);
    expect(again.terminal.stdout()).toContain('Already published');
    expect(hub.requests.slice(before).every(({ method }) => method === 'GET')).toBe(true);
    await writeFile(join(folder, 'web', 'values.yaml'), 'replicas: 2\n');
    const other = await publishWeb();
    expect(other.code).toBe(6);
    expect(other.terminal.stderr()).toContain('raise version');
  });

  it('counts on from what this key has signed, and once more when somebody was faster', async () => {
    await publishWeb();
    lost = 1;
    const { code } = await publishWeb(' --version 2.0.0');
    expect(code).toBe(0);
    expect(stored.get('2.0.0')?.counter).toBe(2);
    expect(hub.requests.filter(({ path, method }) => path === '/releases' && method === 'POST')).toHaveLength(3);
  });

  it('packs the changes asked for, and leaves the folder as it is', async () => {
    await publishWeb(' --version 2.0.0 --set image.tag=2.14');
    const details = stored.get('2.0.0');
    expect(details?.release.chart.version).toBe('2.0.0');
    expect(await readFile(join(folder, 'web', 'Chart.yaml'), 'utf8')).toContain('1.0.0');
    const upload = hub.requests.find(({ path }) => path.startsWith('/charts/'));
    expect(upload?.body.toString()).toContain('# how many');
    expect(upload?.body.toString()).toMatch(/tag: "2\.14"/);
  });

  it('refuses an image without a digest, and publishes nothing', async () => {
    const { code, terminal } = await steward('publish web --key main.key --no-registry');
    expect(code).toBe(1);
    expect(terminal.stderr()).toContain('--image docker.io/acme/web:1=sha256:…');
    expect(hub.requests.every(({ method }) => method === 'GET')).toBe(true);
  });

  it('refuses a key that the hub does not know before it does any work', async () => {
    const { code, terminal } = await steward('publish web --key other.key');
    expect(code).toBe(4);
    expect(terminal.stderr()).toContain('steward keys trust');
  });

  it('refuses a chart that helm cannot render, in the words of helm', async () => {
    await writeHelm('echo "Error: (web/templates/pod.yaml:7:3): nil pointer" >&2; exit 1');
    const { code, terminal } = await publishWeb();
    expect(code).toBe(1);
    expect(terminal.stderr()).toContain('templates/pod.yaml:7:3: error: the chart does not render with its own values');
  });

  it('gives helm nothing of the environment', async () => {
    await writeHelm(`env >"${folder}/env"; cat <<'YAML'\n${pod}\nYAML`);
    await publishWeb();
    const env = await readFile(join(folder, 'env'), 'utf8');
    expect(env).not.toContain('STEWARD_TOKEN');
    expect(env).not.toContain('KUBECONFIG');
  });
});

describe('keys', () => {
  it('are written for their owner only, and never over another', async () => {
    const path = join(folder, 'main.key');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const before = await readFile(path, 'utf8');
    expect((await steward('keys create main.key')).code).toBe(6);
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('have one fingerprint, from the private and from the public half', async () => {
    const own = await steward('keys fingerprint main.key');
    const open = await steward('keys fingerprint main.key.pub');
    expect(own.terminal.stdout()).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(open.terminal.stdout()).toBe(own.terminal.stdout());
  });

  it('are not used when others can read them', async () => {
    await chmod(join(folder, 'main.key'), 0o644);
    const { code, terminal } = await publishWeb();
    expect(code).toBe(2);
    expect(terminal.stderr()).toContain('chmod 600');
  });

  it('are refused when the fingerprint was changed', async () => {
    const path = join(folder, 'main.key.pub');
    const key = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
    await writeFile(path, JSON.stringify({ ...key, fingerprint: digest('f') }));
    expect((await steward('keys fingerprint main.key.pub')).code).toBe(2);
  });
});

it('says which helm is missing', async () => {
  const { code, terminal } = await steward('lint web', { STEWARD_HELM: '/nowhere/helm' });
  expect(code).toBe(2);
  expect(terminal.stderr()).toContain('/nowhere/helm');
});

it('lints with file, line and column, for people and as JSON, and ends with 1', async () => {
  await writeFile(join(folder, 'web', 'steward.yaml'), 'display:\n  nane: Web\n');
  const { code, terminal } = await steward('lint web');
  expect(code).toBe(1);
  expect(terminal.stdout()).toMatch(/^steward\.yaml:2:3: error: "nane" is not a field of display \[unknown-field\]/);
  const json = await steward('lint web -o json');
  expect(JSON.parse(json.terminal.stdout())).toMatchObject([{ place: { file: 'steward.yaml', line: 2, column: 3 } }]);
});
