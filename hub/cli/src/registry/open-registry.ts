import { partsOfPlace, readFromRegistry, type RegistryFault, type RegistryRequest, type Wanted } from '@steward/shared';
import { readBytes, TooLongError } from '../bytes.ts';
import { CliError, usageError } from '../cli-error.ts';
import { loadCa } from '../config/connection.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { httpClient, unreachableError } from '../hub-api/http.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { loadLogin } from './login-file.ts';
import type { RegistryFlags } from './registry-flags.ts';

const TIMEOUT_MS = 30_000;

/** A registry, for one chart's place in it. */
export interface Registry {
  /** @throws CliError for everything but the whole answer */
  read(wanted: Omit<Wanted, 'place'>): Promise<Buffer>;
  close(): void;
}

/** With the login that is written down for it. @throws CliError */
export async function openRegistry(terminal: Terminal, place: string, flags: RegistryFlags): Promise<Registry> {
  const { host } = partsOfPlace(place);
  const isPlain = flags.plainHttp === true;
  if (isPlain && !/^(localhost|127\.0\.0\.1)(:|$)/.test(host))
    throw usageError(
      `--plain-http is for a registry on this machine; ${host} is none`,
      'What is signed must not change on its way: use TLS, with --registry-ca FILE if it has an authority of its own.',
    );
  const ca = flags.registryCa === undefined ? undefined : await loadCa(terminal, flags.registryCa);
  const login = await loadLogin(terminal.env, place);
  // Its own authority is for the registry, not for where it sends on to.
  const own = httpClient(ca, terminal.env, 'registry');
  const others = httpClient(undefined, terminal.env, 'registry');
  const send = async ({ url, headers, maxBytes }: RegistryRequest) => {
    const http = url.host === host ? own : others;
    const request = { method: 'GET' as const, url: url.href, headers, timeoutMs: TIMEOUT_MS, signal: terminal.signal };
    const answer = await http.send(request);
    return { status: answer.status, headers: answer.headers, body: await bodyOf(answer.body, url, maxBytes) };
  };
  return {
    read: async (wanted) => {
      const answer = await readFromRegistry({ send, login, isPlain }, { ...wanted, place });
      if (answer.ok) return Buffer.from(answer.body);
      throw refusal(answer.fault, host);
    },
    close: () => {
      own.close();
      others.close();
    },
  };
}

async function bodyOf(stream: AsyncIterable<unknown>, url: URL, maxBytes: number): Promise<Buffer | undefined> {
  try {
    return await readBytes(stream, maxBytes);
  } catch (error) {
    if (error instanceof TooLongError) return undefined;
    throw unreachableError(url.href, error, 'registry');
  }
}

const ENDS: Record<RegistryFault['code'], [ExitCode, (host: string) => string]> = {
  unauthorized: [
    EXIT.notAllowed,
    (host) => `Log in: helm registry login ${host}. A login in a credential helper (credsStore) is not found.`,
  ],
  'not-found': [EXIT.notFound, () => 'Check the path and the version; helm push prints both.'],
  busy: [EXIT.unreachable, () => 'Try again in a while.'],
  'too-long': [EXIT.failed, () => 'Push the chart to the registry again; if it stays so, ask who runs the registry.'],
  unusable: [EXIT.failed, () => 'Check that the address is that of an OCI registry.'],
};

function refusal({ code, message }: RegistryFault, host: string): CliError {
  const [exitCode, action] = ENDS[code];
  return new CliError(exitCode, message, { action: action(host) });
}
