import { API_GROUP, API_VERSION, canonicalJson, compile, OperationKind, OperationState, sha256 } from '@steward/shared';
import type { Command } from 'commander';
import * as Type from 'typebox';
import type { Static, TSchema } from 'typebox';
import { CliError, usageError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { operationTitle } from '../output/operation-title.ts';
import { parseDuration } from '../output/timeout.ts';
import { localTime } from '../output/time.ts';
import { addCommand, type Invocation, type Session } from '../program/command.ts';
import { confirm } from '../terminal/prompt.ts';
import { oneLine } from '../terminal/terminal.ts';
import { kubectl, type Kubectl } from './kubectl.ts';

interface ApprovalOptions {
  namespace?: string;
  context?: string;
  expiresIn?: number;
  yes?: boolean;
}

const Change = Type.Object({
  action: Type.String(),
  object: Type.String(),
  fields: Type.Optional(Type.Array(Type.String())),
});
type Change = Static<typeof Change>;

/** As much of an Operation object as a person decides on. */
const OperationObject = Type.Object({
  metadata: Type.Object({ name: Type.String(), namespace: Type.String(), uid: Type.String() }),
  spec: Type.Object({
    installation: Type.String(),
    kind: OperationKind,
    desired: Type.Optional(
      Type.Object({
        release: Type.Optional(Type.Object({ version: Type.String() })),
        operation: Type.Optional(
          Type.Object({ requestedBy: Type.Optional(Type.String()), reason: Type.Optional(Type.String()) }),
        ),
      }),
    ),
  }),
  status: Type.Optional(
    Type.Object({
      state: Type.Optional(OperationState),
      planDigest: Type.Optional(Type.String()),
      plan: Type.Optional(
        Type.Object({
          summary: Type.String(),
          changes: Type.Array(Change),
        }),
      ),
    }),
  ),
});
type OperationObject = Static<typeof OperationObject>;
const OperationList = Type.Object({ items: Type.Array(Type.Unknown()) });
const WhoAmI = Type.Object({ status: Type.Object({ userInfo: Type.Object({ username: Type.String() }) }) });
const decodeOperation = compile(OperationObject);
const defaultLifeMs = 3_600_000;

async function loadJson<T extends TSchema>(target: Kubectl, schema: T, args: readonly string[]): Promise<Static<T>> {
  const decoded = compile(schema)(parsedJson(await target.run([...args, '-o', 'json'])));
  if (decoded.ok) return decoded.value;
  throw new CliError(EXIT.failed, `kubectl ${args.join(' ')} answered something else: ${decoded.error}`);
}

/** Undefined for what is none, as of a wrapper that says something of its own. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMeant({ metadata, spec, status }: OperationObject, wanted: string): boolean {
  if (metadata.name === wanted || metadata.name === `op-${wanted}`) return true;
  return spec.installation === wanted && status?.state === 'awaiting-approval';
}

async function findOperation(target: Kubectl, wanted: string, namespace: string | undefined): Promise<OperationObject> {
  const where = namespace === undefined ? ['--all-namespaces'] : ['--namespace', namespace];
  const { items } = await loadJson(target, OperationList, ['get', `operations.${API_GROUP}`, ...where]);
  const found = items.flatMap((item) => {
    const decoded = decodeOperation(item);
    return decoded.ok && isMeant(decoded.value, wanted) ? [decoded.value] : [];
  });
  const [operation] = found;
  if (!operation)
    throw new CliError(EXIT.notFound, `no operation "${wanted}" waits in this cluster`, {
      action: `See: kubectl get operations.${API_GROUP} --all-namespaces`,
    });
  if (found.length > 1) throw usageError(`${found.length} operations fit "${wanted}"`, 'Give the name of one: op-…');
  return operation;
}

function changeText({ action, object, fields = [] }: Change): string {
  return `  ${action.padEnd(8)} ${object}${fields.length > 0 ? `  (${fields.join(', ')})` : ''}`;
}

function tellPlan({ note }: Invocation<ApprovalOptions>, { spec, status }: OperationObject): void {
  const version = spec.desired?.release?.version ?? 'an unnamed version';
  const { requestedBy = 'somebody', reason } = spec.desired?.operation ?? {};
  const title = operationTitle({ ...spec, version });
  note(`${title}, asked for by ${requestedBy}${reason ? `: ${reason}` : ''}`);
  note(`plan: ${status?.plan?.summary ?? 'not told'}`);
  for (const change of status?.plan?.changes ?? []) note(changeText(change));
}

/** An approval names the digest; what is shown must be what it stands for. */
function checkPlan({ metadata, status }: OperationObject): void {
  const { summary, changes } = status?.plan ?? {};
  if (status?.planDigest !== sha256(canonicalJson({ summary, changes })))
    throw new CliError(EXIT.failed, `the plan that ${metadata.name} shows is not the one that would be approved`, {
      action: 'Do not approve it; look into the log of the agent.',
    });
}

async function decide(
  invocation: Invocation<ApprovalOptions>,
  decision: 'approve' | 'reject',
): Promise<ExitCode | void> {
  const { terminal, options, args, output } = invocation;
  const target = kubectl(terminal, options.context);
  const operation = await findOperation(target, args[0] ?? '', options.namespace);
  const { metadata, status } = operation;
  if (status?.state !== 'awaiting-approval' || status.planDigest === undefined)
    throw new CliError(EXIT.conflict, `${metadata.name} does not wait for anybody: it is ${status?.state ?? 'new'}`);
  checkPlan(operation);
  tellPlan(invocation, operation);
  const verb = decision === 'approve' ? 'Approve' : 'Reject';
  if (!(await confirm(invocation, `${verb} this plan?`))) return EXIT.usage;
  const { status: who } = await loadJson(target, WhoAmI, ['auth', 'whoami']);
  const expiresAt = new Date(terminal.now().getTime() + (options.expiresIn ?? defaultLifeMs)).toISOString();
  const approval = {
    apiVersion: API_VERSION,
    kind: 'OperationApproval',
    metadata: { generateName: `${metadata.name.slice(0, 48)}-`, namespace: metadata.namespace },
    spec: {
      operation: metadata.name,
      operationUid: metadata.uid,
      planDigest: status.planDigest,
      decision,
      approver: who.userInfo.username,
      expiresAt,
    },
  };
  await target.run(['create', '-f', '-'], JSON.stringify(approval));
  const done = decision === 'approve' ? `Approved, for this plan only, until ${localTime(expiresAt)}` : 'Rejected';
  output.outcome(approval, oneLine(`${done}: ${metadata.name}, as ${who.userInfo.username}.`));
}

function withOptions(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', "the agent's namespace (default: looked for in all)")
    .option('--context <name>', 'of your kubeconfig (default: the current one)')
    .option('-y, --yes', 'do not ask');
}

export function addApprovalCommands(program: Command, session: Session): void {
  const about =
    'Runs against the cluster of your kubectl context, with your own rights; the hub has no part in it. ' +
    'The operation by its name (op-…), its id, or the name of the installation that waits.';
  addCommand<ApprovalOptions>(program, session, {
    usage: 'approve <operation>',
    summary: 'customer: allow an operation that waits, after showing its plan',
    about: `${about} It counts for the plan that is shown, once; if the plan changes, the agent asks again.`,
    examples: ['steward approve nats', 'steward approve op-0192f0c1-5a3e-7cc0-8000-2f5f7b1f9b11 --yes'],
    options: (command) =>
      withOptions(command).option('--expires-in <time>', 'not used after 10m, 2h, 1d (default: 1h)', parseDuration),
    run: (invocation) => decide(invocation, 'approve'),
  });
  addCommand<ApprovalOptions>(program, session, {
    usage: 'reject <operation>',
    summary: 'customer: refuse an operation that waits',
    about,
    examples: ['steward reject nats'],
    options: (command) => void withOptions(command),
    run: (invocation) => decide(invocation, 'reject'),
  });
}
