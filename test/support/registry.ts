import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildProgram } from '../cluster/programs/programs.ts';
import { mustSucceed } from './command.ts';

export interface RegistryOptions {
  /** Where it listens; on loopback unless told. */
  address?: string;
  /** By TLS with this certificate; without it by plain HTTP. */
  tls?: { caPem: string; cert: string; key: string };
  /** Only who knows it is let in. */
  login?: { username: string; password: string };
}

/** A real OCI registry in a process of its own, in memory. */
export interface TestRegistry {
  /** `127.0.0.1:41234` */
  host: string;
  /** Packs a chart's folder with Helm and pushes it with Helm. @returns the packed file */
  push(folder: string, version: string, path: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startRegistry({
  address = '127.0.0.1',
  tls,
  login,
}: RegistryOptions = {}): Promise<TestRegistry> {
  const [program, helm] = [await buildProgram('registry', console.error), await buildProgram('helm', console.error)];
  const folder = await mkdtemp(join(tmpdir(), 'steward-registry-'));
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const env = {
    LISTEN: `${address}:0`,
    ...(login && { LOGIN: `${login.username}:${login.password}` }),
    ...(tls && { CERTIFICATE: await file('cert.pem', tls.cert), KEY: await file('key.pem', tls.key) }),
  };
  const child = spawn(program, [], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [host = ''] = (await once(createInterface(child.stdout), 'line')) as [string?];
  const homes = ['HOME', 'HELM_CACHE_HOME', 'HELM_CONFIG_HOME', 'HELM_DATA_HOME'].map((name) => [name, folder]);
  const reached = tls ? ['--ca-file', await file('ca.pem', tls.caPem)] : ['--plain-http'];
  const known = login ? ['--username', login.username, '--password', login.password] : [];
  return {
    host,
    push: async (chart, version, path) => {
      const options = { env: Object.fromEntries(homes) as Record<string, string>, cwd: folder };
      const printed = await mustSucceed(helm, ['package', chart, '--version', version], options);
      const packed = /saved it to: (.+)$/m.exec(printed)?.[1] ?? '';
      await mustSucceed(helm, ['push', packed, `oci://${host}/${path}`, ...reached, ...known], options);
      return packed;
    },
    stop: async () => {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'close');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
