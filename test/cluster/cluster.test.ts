import { existsSync } from 'node:fs';
import { copyFile, readdir, readlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attach, down, up, type ClusterHandle } from './cluster.ts';
import { driverOf, probe, type Driver } from './driver.ts';
import { readLabel } from './image/cache.ts';
import { agentImage, natsImage, probeImage } from './images.ts';
import { cgroupsOf, machine, processesIn, type Machine } from './machine-traces.ts';
import { findProcess } from './node/leftovers.ts';
import { readLayout } from './node/record.ts';
import { waitUntil } from './node/wait-until.ts';

const name = 'selftest';
const coldBuildMs = 30 * 60_000;
let driver: Driver;
let cluster: ClusterHandle;
let before: Machine;

beforeAll(async () => {
  await down(name);
  driver = await driverOf(name);
  before = await machine();
  cluster = await up({ name, log: console.error });
  const image = await probeImage('1');
  await cluster.importImage(image.archivePath);
}, coldBuildMs);

afterAll(async () => {
  await down(name);
});

describe('a cluster', () => {
  it('runs a pod, whose log can be read and in which a program can be run', async () => {
    await driver.apply(probe('first'));
    await driver.ready('first');
    expect(await driver.kubectl('logs', 'first')).toContain('probe listens on :8080 version 1');
    expect(await driver.kubectl('exec', 'first', '--', '/usr/local/bin/probe', 'env')).toContain('HOSTNAME=first');
  });

  it('lets a pod reach a service by its DNS name', async () => {
    const ports = [{ port: 80, targetPort: 8080 }];
    const metadata = { name: 'web', namespace: 'default' };
    await driver.apply(probe('web', { env: [{ name: 'VERSION', value: 'served' }] }), probe('caller'), {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: 'web' }, ports },
    });
    await Promise.all([driver.ready('web'), driver.ready('caller')]);
    const answered = async (): Promise<boolean> =>
      (await driver.fetchFrom('caller', 'http://web/version')) === 'served\n';
    await waitUntil('the service to answer', answered, { timeoutMs: 10_000 });
    expect(await driver.fetchFrom('caller', 'http://web.default.svc.cluster.local/version')).toBe('served\n');
    expect(await driver.fetchFrom('web', 'http://web.default.svc/version')).toBe('served\n');
  });

  it('keeps what a pod wrote to its claim when the pod is replaced', async () => {
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
    };
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    const container = { volumeMounts: [{ name: 'data', mountPath: '/data' }], securityContext: { runAsUser: 0 } };
    const writer = probe('keeper', container, { volumes });
    await driver.apply(claim, writer);
    await driver.ready('keeper');
    expect(await driver.kubectl('get', 'pvc', 'data', '-o', 'jsonpath={.status.phase}')).toBe('Bound');
    await driver.putFile('keeper', '/data/note', 'kept');
    await driver.kubectl('delete', 'pod', 'keeper', '--now');
    await driver.apply(writer);
    await driver.ready('keeper');
    expect(await driver.kubectl('exec', 'keeper', '--', '/usr/local/bin/probe', 'cat', '/data/note')).toBe('kept');
  });

  it('lets pods reach a program on this machine, and nothing beyond it', async () => {
    const server = createServer((_, response) => response.end('from the machine'));
    await new Promise<void>((done) => server.listen(0, cluster.hostAddress, done));
    try {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      expect(await driver.fetchFrom('first', `http://${cluster.hostAddress}:${port}/`)).toBe('from the machine');
      const startedAt = Date.now();
      await expect(driver.fetchFrom('first', 'http://203.0.113.254/')).rejects.toThrow(/unreachable/);
      await expect(driver.fetchFrom('first', 'http://outside.example/')).rejects.toThrow(/no such host/);
      expect(Date.now() - startedAt).toBeLessThan(3000);
    } finally {
      server.close();
    }
  });
});

describe('an imported image', () => {
  it('runs by tag, by digest and by both, without a pull', async () => {
    const { archivePath, ref, digest } = await natsImage('2.15', console.error);
    await cluster.importImage(archivePath);
    const [repository] = ref.split(':');
    const forms = [ref, `${repository}@${digest}`, `${ref}@${digest}`];
    await driver.apply(
      ...forms.map((image, index) => probe(`nats-${index}`, { image, imagePullPolicy: 'IfNotPresent', name: 'nats' })),
    );
    await Promise.all(forms.map((_, index) => driver.ready(`nats-${index}`)));
    expect(await driver.kubectl('logs', 'nats-1')).toContain('Server is ready');
  });

  it('of the agent runs without rights, speaks to the API server and has helm', async () => {
    const bundle = join(cluster.stateDir, 'tmp', 'bundle.js');
    await writeFile(bundle, agentStandIn);
    const { archivePath, ref } = await agentImage(bundle, {
      nodeFlags: ['--max-old-space-size=48'],
      log: console.error,
    });
    await cluster.importImage(archivePath);
    const securityContext = { runAsNonRoot: true, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false };
    await driver.apply(probe('agent', { image: ref, securityContext }, { restartPolicy: 'Never' }));
    const phase = async (): Promise<string> => driver.kubectl('get', 'pod', 'agent', '-o', 'jsonpath={.status.phase}');
    const ended = async (): Promise<boolean> => ['Succeeded', 'Failed'].includes(await phase());
    await waitUntil('the agent to end', ended, { timeoutMs: 30_000 });
    const said: unknown = JSON.parse(await driver.kubectl('logs', 'agent'));
    expect(said).toMatchObject({ user: 65532, api: 403, flags: ['--max-old-space-size=48'] });
    expect(said).toHaveProperty('helm', expect.stringMatching(/^v4\./));
  });

  it('is loaded without its base layer when the cluster has that already', async () => {
    const tmp = join(cluster.stateDir, 'tmp');
    await writeFile(join(tmp, 'other.js'), 'console.log("the other one")');
    const { archivePath, ref } = await agentImage(join(tmp, 'other.js'), { name: 'steward.test/agent:2' });
    const headPath = join(tmp, 'head.tar');
    await copyFile(archivePath, headPath);
    await copyFile(`${archivePath}.label`, `${headPath}.label`);
    await truncate(headPath, (await readLabel(archivePath))?.base?.bytesBefore);
    await cluster.importImage(headPath);
    await driver.apply(probe('other', { image: ref, imagePullPolicy: 'Never' }, { restartPolicy: 'Never' }));
    await driver.kubectl('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/other', '--timeout=30s');
    expect(await driver.kubectl('logs', 'other')).toBe('the other one\n');
  });

  it('is the same bytes each time it is built', async () => {
    expect(await probeImage('1')).toEqual(await probeImage('1'));
    expect((await probeImage('2')).digest).not.toBe((await probeImage('1')).digest);
  });

  it('that does not exist fails within seconds', async () => {
    const startedAt = Date.now();
    await driver.apply(probe('missing', { image: 'registry.example/missing:1' }));
    const path = 'jsonpath={.status.containerStatuses[0].state.waiting.reason}';
    const failed = async (): Promise<boolean> =>
      /ErrImagePull|ImagePullBackOff/.test(await driver.kubectl('get', 'pod', 'missing', '-o', path));
    await waitUntil('the pull to fail', failed, { timeoutMs: 10_000 });
    expect(Date.now() - startedAt).toBeLessThan(4000);
  });
});

describe('the components', { tags: ['one-try'] }, () => {
  it('come back when they are killed', async () => {
    await cluster.component('kube-apiserver', 'kill');
    await expect(driver.kubectl('get', '--raw', '/readyz', '--request-timeout=300ms')).rejects.toThrow(
      /refused|exit code/,
    );
    const back = async (): Promise<boolean> => (await driver.kubectl('get', '--raw', '/readyz')) === 'ok';
    await waitUntil('the API server to be back', back, { timeoutMs: 20_000 });
    expect(await driver.kubectl('logs', 'first')).toContain('probe listens');
  });

  it('stay down when they are stopped, until started', async () => {
    await cluster.component('kube-scheduler', 'stop');
    await driver.apply(probe('unscheduled'));
    await cluster.component('kube-controller-manager', 'restart');
    expect(await driver.kubectl('get', 'pod', 'unscheduled', '-o', 'jsonpath={.spec.nodeName}')).toBe('');
    await cluster.component('kube-scheduler', 'start');
    await driver.ready('unscheduled');
  });

  it('leave the pods running when the container runtime is restarted', async () => {
    const started = 'jsonpath={.status.containerStatuses[0].state.running.startedAt}';
    const was = await driver.kubectl('get', 'pod', 'first', '-o', started);
    await cluster.component('containerd', 'kill');
    const answers = async (): Promise<boolean> =>
      (await driver.kubectl('exec', 'first', '--', '/usr/local/bin/probe', 'env')).includes('HOSTNAME=first');
    await waitUntil('exec to work again', answers, { timeoutMs: 30_000 });
    expect(await driver.kubectl('get', 'pod', 'first', '-o', started)).toBe(was);
  });
});

describe('up and down', { tags: ['one-try'] }, () => {
  it('uses a running cluster again', async () => {
    const again = await up({ name });
    expect(again.nodeAddress).toBe(cluster.nodeAddress);
    expect(await driver.kubectl('get', 'pod', 'first', '-o', 'name')).toBe('pod/first\n');
  });

  it('goes on after its first process was killed', async () => {
    const uid = 'jsonpath={.metadata.uid}';
    const was = await driver.kubectl('get', 'pod', 'keeper', '-o', uid);
    const pid = await findProcess(name);
    expect(pid).toBeDefined();
    process.kill(Number(pid), 'SIGKILL');
    await waitUntil('it to be dead', async () => !(await attach(name)), { timeoutMs: 20_000 });
    cluster = await up({ name, log: console.error });
    await driver.ready('keeper');
    expect(await driver.kubectl('get', 'pod', 'keeper', '-o', uid)).toBe(was);
    expect(await driver.kubectl('exec', 'keeper', '--', '/usr/local/bin/probe', 'cat', '/data/note')).toBe('kept');
  });

  it('leaves no process, mount, link, rule, setting, control group or file', async () => {
    const pid = await findProcess(name);
    const layout = await readLayout(name);
    const namespaces = await Promise.all(['pid', 'net', 'mnt'].map((kind) => readlink(`/proc/${pid}/ns/${kind}`)));
    expect((await processesIn(namespaces)).length).toBeGreaterThan(8);
    expect(await cgroupsOf(name)).not.toEqual([]);
    await cluster.down();
    await down(name);
    expect(await attach(name)).toBeUndefined();
    // The machine's first process reads the exit code of the cluster's, in its own time.
    const read = async (): Promise<boolean> => (await processesIn(namespaces)).length === 0;
    await waitUntil('no process to be left', read, { timeoutMs: 10_000 });
    expect(await cgroupsOf(name)).toEqual([]);
    expect(await readdir('/sys/class/net')).not.toContain(layout?.hostLink);
    expect(existsSync(cluster.stateDir)).toBe(false);
    expect(existsSync('/tmp/hostpath_pv')).toBe(false);
    expect(await machine()).toEqual(before);
  });
});

/** Does by hand what the agent will do: name lookup, TLS with the cluster's authority, its account, a child process. */
const agentStandIn = `
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
const account = '/var/run/secrets/kubernetes.io/serviceaccount/';
const options = {
  ca: readFileSync(account + 'ca.crt'),
  headers: { authorization: 'Bearer ' + readFileSync(account + 'token', 'utf8') },
};
const helm = execFileSync('helm', ['version', '--short'], { encoding: 'utf8' });
request('https://kubernetes.default.svc/api/v1/secrets', options, (response) => {
  const said = { user: process.getuid(), api: response.statusCode, helm, flags: process.execArgv };
  console.log(JSON.stringify(said));
  response.resume();
}).end();
`;
