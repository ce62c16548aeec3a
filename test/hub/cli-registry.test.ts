// @module-tag one-try
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS, sha256, type InstallationExport, type ReleaseDetails } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestAuthority } from '../../agent/src/testing/authority.ts';
import { buildProgram } from '../cluster/programs/programs.ts';
import { CLI_PROGRAM } from '../../scripts/process.ts';
import { command, type Finished } from '../support/command.ts';
import { startHubWithDatabase, type HubWithDatabase } from '../support/hub-database.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');
const digest = `sha256:${'a'.repeat(64)}`;
const login = { username: 'anna', password: 'p:w' };

/** The `steward` command against a real hub, a real helm and real registries, one of which is by TLS and behind a login. */
describe('a chart in a registry', () => {
  let running: HubWithDatabase;
  let closed: TestRegistry;
  let open: TestRegistry;
  let packed: string;
  let folder: string;
  let env: Record<string, string>;

  const steward = (line: string, more: Record<string, string> = {}): Promise<Finished> =>
    command(process.execPath, [CLI_PROGRAM, ...line.split(' ')], { env: { ...env, ...more }, cwd: folder });
  const must = async (line: string): Promise<Finished> => {
    const finished = await steward(line);
    if (finished.code !== 0) throw new Error(`steward ${line} ended with ${finished.code}\n${finished.stderr}`);
    return finished;
  };
  const json = async <T>(line: string): Promise<T> => JSON.parse((await must(`${line} --output json`)).stdout) as T;
  const flags = `--key release.key --no-registry --image steward.test/probe:1=${digest}`;
  const publish = (chart: string, more = ''): Promise<Finished> => steward(`publish ${chart} ${flags}${more}`);
  const inClosed = (): string => `oci://${closed.host}/team/charts/hello`;
  const chartOnHub = async (id: string): Promise<Response> => {
    const { url } = running.hub;
    return fetch(`${url}/api/v1/installations/${id}/chart`, {
      headers: { authorization: `Bearer ${env['STEWARD_TOKEN']}` },
    });
  };

  beforeAll(async () => {
    running = await startHubWithDatabase();
    folder = await mkdtemp(join(tmpdir(), 'steward-cli-registry-'));
    const tls = await createTestAuthority();
    await writeFile(join(folder, 'registry-ca.pem'), tls.caPem);
    closed = await startRegistry({ tls, login });
    open = await startRegistry();
    packed = await closed.push(HELLO, '1.1.0', 'team/charts');
    await closed.push(HELLO, '1.1.0+build.5', 'team/charts');
    await closed.push(HELLO, '1.2.0', 'team/charts');
    const owner = await running.hub.owner();
    env = {
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, 'config'),
      DOCKER_CONFIG: folder,
      STEWARD_HELM: await buildProgram('helm'),
      STEWARD_URL: running.hub.url,
      STEWARD_TOKEN: owner.token ?? '',
    };
    const auth = Buffer.from(`${login.username}:${login.password}`).toString('base64');
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [closed.host]: { auth } } }));
    await must('keys create release.key');
    await must('keys trust release.key.pub --name main');
  });
  afterAll(async () => {
    await Promise.all([running.end(), closed.stop(), open.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  it('is published byte for byte as it was pushed, and kept by the hub', async () => {
    const more = ' --version 1.1.0 --registry-ca registry-ca.pem';
    await must(`publish ${inClosed()} ${flags}${more}`);
    const { release } = await json<ReleaseDetails>('release show hello 1.1.0');
    const bytes = await readFile(packed);
    const chart = { name: 'hello', version: '1.1.0', digest: sha256(bytes), bytes: bytes.length };
    expect(release.chart).toEqual(chart);
    await must('customer create beta');
    await must('cluster create prod --customer beta');
    const { installation } = await json<{ installation: { id: string } }>(
      'install hello --cluster prod --version 1.1.0',
    );
    const kept = await chartOnHub(installation.id);
    expect(sha256(Buffer.from(await kept.arrayBuffer()))).toBe(release.chart.digest);
  });

  it('is found by a version that Helm writes otherwise as a tag', async () => {
    const { stderr } = await must(`lint ${inClosed()} --version 1.1.0+build.5 --registry-ca registry-ca.pem`);
    expect(stderr).toContain('hello 1.1.0+build.5: ');
  });

  it('stays there where that is wanted: the hub says where, and export gets it from there', async () => {
    const more = ' --version 1.2.0 --registry-ca registry-ca.pem --chart-in-registry';
    expect(await publish(inClosed(), more)).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining('uploading'),
    });
    const { release } = await json<ReleaseDetails>('release show hello 1.2.0');
    expect(release.chart.oci).toBe(`${closed.host}/team/charts/hello`);
    expect((await must('release show hello 1.2.0')).stdout).toContain(`Chart lies in: ${inClosed()}`);
    const { installation } = await json<{ installation: { id: string } }>(
      'install hello --cluster prod --name other --version 1.2.0',
    );
    const asked = await chartOnHub(installation.id);
    expect(asked.status).toBe(404);
    expect(await asked.json()).toMatchObject({
      detail: `the chart lies in the registry, at ${inClosed()}, and not on this hub`,
    });
    const exported = await json<InstallationExport>('export other --output-dir out --registry-ca registry-ca.pem');
    expect(exported.chart).toEqual(release.chart);
    expect(sha256(await readFile(join(folder, 'out', 'hello-1.2.0.tgz')))).toBe(release.chart.digest);
  });

  it.each([
    ['without a version', '', 2, '--version 1.2.3'],
    [
      'of a version that is not there',
      ' --version 9.9.9 --registry-ca registry-ca.pem',
      3,
      'has no team/charts/hello/manifests/9.9.9',
    ],
    ['of an authority that is not named', ' --version 1.2.0', 5, '--registry-ca FILE'],
    ['with a tag', ':1.2.0 --version 1.2.0', 2, 'its version is given by --version'],
    ['without TLS elsewhere', ' --version 1.2.0 --plain-http', 1, 'Check that the address is that of an OCI registry'],
    [
      'to stay there, with changes',
      ' --version 1.2.0 --registry-ca registry-ca.pem --app-version 3 --chart-in-registry',
      2,
      'without --set',
    ],
  ])('is refused %s', async (_name, more, code, message) => {
    const refused = await steward(`publish ${inClosed()}${more} ${flags}`);
    expect(refused).toMatchObject({ code, stderr: expect.stringContaining(message) });
  });

  it('is refused without a login, with a wrong one, and by a file of logins that is none', async () => {
    const line = `publish ${inClosed()} --version 1.2.0 --registry-ca registry-ca.pem ${flags}`;
    const none = await steward(line, { DOCKER_CONFIG: join(folder, 'none') });
    expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining(`helm registry login ${closed.host}`) });
    const file = join(folder, 'helm-logins.json');
    await writeFile(file, JSON.stringify({ auths: { [closed.host]: { username: 'anna', password: 'no' } } }));
    const wrong = await steward(line, { HELM_REGISTRY_CONFIG: file });
    expect(wrong).toMatchObject({ code: 4, stderr: expect.stringContaining('to the login anna') });
    await writeFile(file, 'no json');
    expect(await steward(line, { HELM_REGISTRY_CONFIG: file })).toMatchObject({ code: 2 });
  });

  it('is refused when a registry has something else there', async () => {
    const put = async (path: string, body: string | Uint8Array, type: string): Promise<void> => {
      const headers = { 'content-type': type };
      const url = `http://${open.host}/v2/team/fake/${path}`;
      const answer = await fetch(url, {
        method: path.startsWith('manifests') ? 'PUT' : 'POST',
        headers,
        body: body as never,
      });
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    };
    const oci = 'application/vnd.oci.image.manifest.v1+json';
    const type = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
    const config = {
      mediaType: 'application/vnd.cncf.helm.config.v1+json',
      digest: sha256(Buffer.from('{}')),
      size: 2,
    };
    const manifest = (layer: object): string =>
      JSON.stringify({ schemaVersion: 2, mediaType: oci, config, layers: [layer] });
    const content = await readFile(packed);
    await put(`blobs/uploads/?digest=${config.digest}`, '{}', 'application/octet-stream');
    await put(`blobs/uploads/?digest=${sha256(content)}`, content, 'application/octet-stream');
    const layer = { mediaType: type, digest: sha256(content), size: content.length };
    const tries: [string, object, number, string][] = [
      ['1.0.1', { ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }, 1, 'is not a Helm chart'],
      ['1.0.2', { ...layer, size: LIMITS.maxChartBytes + 1 }, 1, `the limit is ${LIMITS.maxChartBytes}`],
      ['1.0.3', { ...layer, size: content.length - 1 }, 1, 'sends more than the'],
      ['1.0.4', layer, 1, 'has a chart of version 1.1.0 under 1.0.4'],
    ];
    for (const [version, wrong, code, message] of tries) {
      await put(`manifests/${version}`, manifest(wrong), oci);
      const refused = await publish(`oci://${open.host}/team/fake`, ` --version ${version} --plain-http`);
      expect(refused).toMatchObject({ code, stderr: expect.stringContaining(message) });
    }
  });

  it('is told when it is not there, and when nothing answers', async () => {
    const line = `lint oci://${open.host}/nowhere/web --version 1.0.0 --plain-http`;
    expect(await steward(line)).toMatchObject({ code: 3 });
    await open.stop();
    expect(await steward(line)).toMatchObject({ code: 5, stderr: expect.stringContaining('that the registry runs') });
  });
});
