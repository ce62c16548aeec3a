import {
  agentManifest,
  agentNamespace,
  compile,
  Digest,
  INSTALL_PATHS,
  InstallKit,
  manifestYaml,
  type KubeManifest,
} from '@steward/shared';
import { CliError, usageError } from '../cli-error.ts';
import { hubUrl, loadCa } from '../config/connection.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { httpClient } from '../hub-api/http.ts';
import { HubClient } from '../hub-api/hub-client.ts';
import type { Invocation } from '../program/command.ts';
import { confirm, readInput } from '../terminal/prompt.ts';
import { pinnedCertificate } from './hub-pin.ts';
import { kubectl } from './kubectl.ts';
import { othersOf, rightsOf } from './manifest-words.ts';
import { verifyKit, type VerifiedKit } from './verify-kit.ts';

export interface InstallAgentOptions {
  vendorKey?: string[];
  hub?: string;
  token?: string;
  hubPin?: string;
  ca?: string;
  agentImage?: string;
  context?: string;
  apply?: boolean;
  yes?: boolean;
}

const decodeDigest = compile(Digest);

interface Fetched {
  kit: InstallKit;
  token: string;
}

async function fetchKit(invocation: Invocation<InstallAgentOptions>): Promise<Fetched> {
  const { terminal, options } = invocation;
  if (options.hub === undefined) throw usageError('which hub?', 'Give --hub, as in the line you were given.');
  const url = hubUrl(options.hub);
  const token = options.token === '-' ? await readInput(terminal, 1000) : options.token;
  if (!token)
    throw usageError('the enrolment token is missing', 'Give --token, or --token - to read it from standard input.');
  const pinned =
    options.hubPin === undefined ? undefined : await pinnedCertificate(url, options.hubPin, terminal.signal);
  const ca = options.ca === undefined ? pinned : await loadCa(terminal, options.ca);
  const hub = new HubClient(url, token, httpClient(ca, terminal.env), terminal.signal);
  try {
    return { token, kit: await hub.getOutside(InstallKit, INSTALL_PATHS.agent) };
  } finally {
    hub.close();
  }
}

function fingerprintsOf({ vendorKey = [] }: InstallAgentOptions): string[] {
  const fingerprints = vendorKey.flatMap((text) => text.split(','));
  const bad = fingerprints.find((text) => !decodeDigest(text).ok);
  if (bad !== undefined)
    throw usageError(
      `"${bad}" is not a fingerprint`,
      'It is written sha256: and 64 hex digits; the vendor tells it in the contract.',
    );
  return fingerprints;
}

function checkImage(kit: InstallKit, { agentImage }: InstallAgentOptions): string {
  if (agentImage === kit.agentImage) return agentImage;
  // No signature covers the agent's own image yet: the person must say that this is the one.
  throw new CliError(EXIT.failed, `the hub names ${kit.agentImage} as the agent's image`, {
    action:
      agentImage === undefined
        ? `If that is the agent you mean to run, say so: --agent-image ${kit.agentImage}`
        : `You said --agent-image ${agentImage}. Ask the vendor which is right.`,
  });
}

function tellWords(
  { note }: Invocation<InstallAgentOptions>,
  fetched: Fetched,
  verified: VerifiedKit,
  objects: KubeManifest[],
): void {
  const { kit } = fetched;
  note(`Vendor ${kit.organization}; this cluster is called ${kit.cluster} there.`);
  note(`Keys whose releases will run here: ${verified.releaseKeys.map(({ fingerprint }) => fingerprint).join(', ')}`);
  for (const key of verified.strangeKeys) note(`Left out, because you did not name it: ${key}`);
  note(`The agent (${kit.agentImage}) dials ${kit.hubUrl} and opens no port to the outside.`);
  for (const { installation, service, version, namespace } of verified.grants)
    note(
      `Service ${service} as "${installation}" in namespace ${namespace}; rights as ${version} asks for, signature checked.`,
    );
  for (const line of rightsOf(objects)) note(line);
  note(`Made beside: ${othersOf(objects).join(', ')}`);
}

/**
 * The customer's side of an installation: fetches the parts, checks each against fingerprints known from elsewhere, builds the
 * manifest here, says in words what it allows, and prints it or applies it with kubectl.
 */
export async function installAgent(invocation: Invocation<InstallAgentOptions>): Promise<ExitCode | void> {
  const { terminal, options, output, note } = invocation;
  const fingerprints = fingerprintsOf(options);
  const fetched = await fetchKit(invocation);
  const { kit, token } = fetched;
  const verified = verifyKit(kit, fingerprints);
  const objects = agentManifest({
    organization: kit.organization,
    hubUrl: kit.hubUrl,
    ...(kit.hubCaPem === undefined ? {} : { hubCaPem: kit.hubCaPem }),
    releaseKeys: verified.releaseKeys,
    enrolmentToken: token,
    image: checkImage(kit, options),
    grants: verified.grants,
  });
  tellWords(invocation, fetched, verified, objects);
  if (!options.apply) {
    if (output.format === 'json') output.data({ apiVersion: 'v1', kind: 'List', items: objects });
    else terminal.out(manifestYaml(objects));
    return;
  }
  const target = kubectl(terminal, options.context);
  const context = options.context ?? (await target.run(['config', 'current-context'])).trim();
  if (!(await confirm(invocation, `Apply this to the cluster of context "${context}"?`))) return EXIT.usage;
  const said = await target.run(['apply', '--server-side', '-f', '-'], manifestYaml(objects));
  const namespace = agentNamespace(kit.organization);
  if (output.isTable) terminal.out(said);
  else {
    terminal.err(said);
    output.data({ organization: kit.organization, cluster: kit.cluster, context, namespace });
  }
  note(`See whether it is connected: kubectl get agents -n ${namespace}`);
}
