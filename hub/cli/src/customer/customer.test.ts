import { canonicalJson, generateReleaseKey, sha256, type InstallKit } from '@steward/shared';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runSteward } from '../program/program.ts';
import { startTestHub, TestProblem, type TestHub } from '../testing/test-hub.ts';
import { testTerminal } from '../testing/test-terminal.ts';

const vendor = generateReleaseKey();
const kit: InstallKit = {
  organization: 'acme',
  cluster: 'prod',
  hubUrl: 'https://hub.example:8443',
  agentImage: 'registry.example/agent:1',
  releaseKeys: [vendor.key],
  installations: [],
};

let folder: string;
let hub: TestHub | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-customer-'));
});
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
  await rm(folder, { recursive: true });
});

/** Stands for kubectl: answers from files, keeps what it was given. */
async function kubectl(answers: Record<string, unknown>): Promise<string> {
  const path = join(folder, 'kubectl');
  const cases = Object.entries(answers).map(
    ([start, answer]) => `  "${start}"*) cat <<'JSON'\n${JSON.stringify(answer)}\nJSON\n  ;;`,
  );
  const script = `#!/bin/sh\necho "$*" >>"${folder}/calls"\ncase "$*" in\n${cases.join('\n')}\n  *) cat >"${folder}/input" ;;\nesac\n`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

async function steward(args: string[], env: Record<string, string> = {}) {
  const terminal = testTerminal({ cwd: folder, env: { XDG_CONFIG_HOME: folder, PATH: process.env['PATH'], ...env } });
  return { code: await runSteward(args, terminal), terminal };
}

describe('install --vendor-key', () => {
  const install = async (more: string[] = [], fingerprint = vendor.key.fingerprint, env = {}) => {
    hub ??= await startTestHub({
      'GET /install/v1/agent': ({ headers }) => {
        if (headers.authorization !== 'Bearer enrolment-token') throw new TestProblem('token-expired', 'it is over');
        return kit;
      },
    });
    const words = ['install', '--vendor-key', fingerprint, '--hub', hub.url, '--token', 'enrolment-token', ...more];
    return steward(words, env);
  };
  const image = ['--agent-image', kit.agentImage];

  it('prints the manifest that was built here, and says in words what it allows', async () => {
    const { code, terminal } = await install(image);
    expect(code).toBe(0);
    const objects = parseAllDocuments(terminal.stdout()).map((document) => document.toJS() as Record<string, unknown>);
    expect(objects[0]).toMatchObject({ kind: 'Namespace', metadata: { name: 'steward-acme' } });
    expect(terminal.stdout()).toContain(vendor.key.fingerprint);
    expect(terminal.stderr()).toContain('In namespace steward-acme the agent may:');
    expect(terminal.stderr()).toContain('it cannot list Secrets');
  });

  it('goes no further with a fingerprint that the hub has no key for', async () => {
    const { code, terminal } = await install(image, `sha256:${'0'.repeat(64)}`);
    expect(code).toBe(1);
    expect(terminal.stdout()).toBe('');
  });

  it('wants to hear that the image of the agent is the one', async () => {
    const { code, terminal } = await install();
    expect(code).toBe(1);
    expect(terminal.stderr()).toContain(`--agent-image ${kit.agentImage}`);
    expect((await install(['--agent-image', 'other:1'])).code).toBe(1);
  });

  it('applies only after a yes', async () => {
    const STEWARD_KUBECTL = await kubectl({ 'config current-context': 'prod' });
    const asked = await install([...image, '--apply'], vendor.key.fingerprint, { STEWARD_KUBECTL });
    expect(asked.code).toBe(2);
    const done = await install([...image, '--apply', '--yes'], vendor.key.fingerprint, { STEWARD_KUBECTL });
    expect(done.code).toBe(0);
    expect(await readFile(join(folder, 'input'), 'utf8')).toContain('kind: Namespace');
    expect(await readFile(join(folder, 'calls'), 'utf8')).toContain('apply --server-side -f -');
  });

  it('answers a program with one document when it was applied: what kubectl says is for people', async () => {
    const STEWARD_KUBECTL = await kubectl({ 'config current-context': 'prod', 'apply --server-side': 'applied it' });
    const line = [...image, '--apply', '--yes', '-o', 'json'];
    const { code, terminal } = await install(line, vendor.key.fingerprint, { STEWARD_KUBECTL });
    expect(code).toBe(0);
    expect(JSON.parse(terminal.stdout())).toEqual({
      organization: 'acme',
      cluster: 'prod',
      context: expect.stringContaining('prod'),
      namespace: 'steward-acme',
    });
    expect(terminal.stderr()).toContain('applied it');
  });

  it('is not mixed up with a service', async () => {
    const { code } = await steward(['install', 'nats', '--vendor-key', vendor.key.fingerprint]);
    expect(code).toBe(2);
  });
});

describe('approve and reject', () => {
  const plan = {
    summary: 'changes 1',
    changes: [{ action: 'update', object: 'StatefulSet/nats', fields: ['spec.template'] }],
  };
  const planDigest = sha256(canonicalJson(plan));
  const operation = (rest: Record<string, unknown> = {}) => ({
    metadata: { name: 'op-1', namespace: 'steward-acme', uid: 'uid-1' },
    spec: {
      installation: 'nats',
      kind: 'upgrade',
      desired: {
        release: { version: '2.15.2' },
        operation: { requestedBy: 'sam@acme.example', reason: 'ticket 4711' },
      },
    },
    status: { state: 'awaiting-approval', plan, planDigest, ...rest },
  });
  const decide = async (args: string[], items: unknown[] = [operation()]) =>
    steward(args, {
      STEWARD_KUBECTL: await kubectl({
        'get operations.steward.dev': { items },
        'auth whoami': { status: { userInfo: { username: 'kim' } } },
      }),
    });

  it('shows the plan and who asked, and writes what was decided in the name of the person', async () => {
    const { code, terminal } = await decide(['approve', 'nats', '--yes']);
    expect(terminal.stderr()).toContain('upgrade of nats to 2.15.2, asked for by sam@acme.example: ticket 4711');
    expect(terminal.stderr()).toContain('update   StatefulSet/nats  (spec.template)');
    expect(code).toBe(0);
    expect(JSON.parse(await readFile(join(folder, 'input'), 'utf8'))).toMatchObject({
      kind: 'OperationApproval',
      metadata: { namespace: 'steward-acme' },
      spec: {
        operation: 'op-1',
        operationUid: 'uid-1',
        planDigest,
        decision: 'approve',
        approver: 'kim',
        expiresAt: '2026-11-21T13:00:00.000Z',
      },
    });
  });

  it('says no as well', async () => {
    expect((await decide(['reject', 'op-1', '--yes'])).code).toBe(0);
    expect(await readFile(join(folder, 'input'), 'utf8')).toContain('"decision":"reject"');
  });

  it('decides nothing without a yes', async () => {
    expect((await decide(['approve', 'nats'])).code).toBe(2);
    await expect(readFile(join(folder, 'input'))).rejects.toThrow('ENOENT');
  });

  it('refuses a plan that is not what the digest stands for', async () => {
    const { code, terminal } = await decide(['approve', 'nats', '--yes'], [operation({ planDigest: sha256('other') })]);
    expect(code).toBe(1);
    expect(terminal.stderr()).toContain('not the one that would be approved');
  });

  it('finds nothing to decide when nothing waits', async () => {
    expect((await decide(['approve', 'nats', '--yes'], [operation({ state: 'running' })])).code).toBe(3);
    expect((await decide(['approve', 'op-1', '--yes'], [operation({ state: 'running' })])).code).toBe(6);
  });

  it('tells what kubectl says when the cluster does not answer', async () => {
    const path = join(folder, 'kubectl');
    await writeFile(
      path,
      '#!/bin/sh\necho "E1128 19:00:00.123456    1 memcache.go:265] Unhandled Error" >&2\necho "The connection to the server 10.0.0.1:6443 was refused" >&2\nexit 1\n',
    );
    await chmod(path, 0o755);
    const { code, terminal } = await steward(['approve', 'nats'], { STEWARD_KUBECTL: path });
    expect(code).toBe(5);
    expect(terminal.stderr()).toContain('kubectl get: The connection to the server 10.0.0.1:6443 was refused');
  });

  it('says that kubectl is missing', async () => {
    const { code, terminal } = await steward(['approve', 'nats'], { STEWARD_KUBECTL: '/nowhere/kubectl' });
    expect(code).toBe(2);
    expect(terminal.stderr()).toContain('/nowhere/kubectl');
  });

  it('says of what is no program that it cannot be run', async () => {
    const { code, terminal } = await steward(['approve', 'nats'], { STEWARD_KUBECTL: folder });
    expect(code).toBe(2);
    expect(terminal.stderr()).toContain(`${folder} cannot be run`);
  });
});
