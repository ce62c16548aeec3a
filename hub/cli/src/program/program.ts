import { PRODUCT_VERSION } from '@steward/shared';
import { Command, CommanderError } from 'commander';
import { addAdoptCommand } from '../adoption/adopt-command.ts';
import { addExportCommand } from '../adoption/export-command.ts';
import { addLeaveCommand } from '../adoption/leave-command.ts';
import { addApprovalCommands } from '../customer/approval-commands.ts';
import { addClusterCommands } from '../clusters/cluster-commands.ts';
import { addCatalogCommands } from '../catalog/catalog-commands.ts';
import { CliError, messageOf, usageError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { addInstallationCommands } from '../installations/installation-commands.ts';
import { addKeyCommands } from '../keys/key-commands.ts';
import { addLoginCommands } from '../login/login-commands.ts';
import { addMetricsCommand } from '../metrics/metrics-command.ts';
import { addOperationCommands } from '../operations/operation-commands.ts';
import { addPeopleCommands } from '../people/people-commands.ts';
import { addPublishCommands } from '../publish/publish-commands.ts';
import { addStatusCommand } from '../status/status-command.ts';
import { oneLine, paintFor, type Terminal } from '../terminal/terminal.ts';
import type { Session } from './command.ts';

const ABOUT = `Runs a vendor's software as a managed service in customers' Kubernetes clusters.

The vendor's commands talk to a hub; the customer's (install --vendor-key, approve,
reject) talk to the cluster of the current kubectl context.`;

const EXAMPLES = `
A first service, step by step:
  $ steward login https://hub.example.com:8443 --email owner@acme.example
  $ steward keys create release.key && steward keys trust release.key.pub --name main
  $ steward publish ./charts/nats --key release.key --channel stable
  $ steward customer create beta --name "Beta Corp"
  $ steward cluster create prod --customer beta     # prints the line for the customer
  $ steward install nats --cluster prod
  $ steward status --watch

Exit codes: 0 done, 1 it did not come out well, 2 wrong use, 3 not found, 4 not logged in or not
allowed, 5 hub not reachable, 6 conflict, 7 out of time, 70 fault in Steward, 130 Ctrl-C.`;

const SEE_HELP = '--help shows how it is used';

/**
 * All commands, in the order and groups of the help.
 * @param writeUsage takes what the parser of the command line says of a wrong one
 */
export function buildProgram(session: Session, writeUsage: (text: string) => void): Command {
  const { terminal } = session;
  const program = new Command('steward').description(ABOUT).version(PRODUCT_VERSION);
  program.enablePositionalOptions().showHelpAfterError(`(${SEE_HELP})`).showSuggestionAfterError();
  program.configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: writeUsage,
    getOutHelpWidth: () => Math.min(terminal.columns(), 110),
    getErrHelpWidth: () => Math.min(terminal.columns(), 110),
  });
  program.exitOverride();
  program.commandsGroup('Start:');
  addLoginCommands(program, session);
  program.commandsGroup('Publish:');
  addKeyCommands(program, session);
  addPublishCommands(program, session);
  addCatalogCommands(program, session);
  program.commandsGroup('Customers and clusters:');
  addPeopleCommands(program, session);
  addClusterCommands(program, session);
  program.commandsGroup('Run services:');
  addInstallationCommands(program, session);
  addOperationCommands(program, session);
  addAdoptCommand(program, session);
  addExportCommand(program, session);
  addLeaveCommand(program, session);
  addStatusCommand(program, session);
  addMetricsCommand(program, session);
  program.commandsGroup("In the customer's own cluster:");
  addApprovalCommands(program, session);
  program.addHelpText('after', EXAMPLES);
  return program;
}

/** Also before the command line is understood, since that is what may be wrong with it: `-o json`, `-ojson`, `-wo json`, `--output=json`. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, at) =>
      /^(-[a-z]*o|--output=)json$/i.test(word) || (/^(-[a-z]*o|--output)$/i.test(word) && argv[at + 1] === 'json'),
  );
}

/** What the parser of the command line has said already, for people; programs are told like of any other error. */
function reportUsage(error: CommanderError, argv: readonly string[], terminal: Terminal): ExitCode {
  if (error.exitCode === 0) return EXIT.ok;
  if (!wantsJson(argv)) return EXIT.usage;
  const message = error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
  return report(usageError(message, SEE_HELP), argv, terminal);
}

function report(error: unknown, argv: readonly string[], terminal: Terminal): ExitCode {
  const known =
    error instanceof CliError
      ? error
      : new CliError(EXIT.internal, `unexpected: ${messageOf(error)}`, {
          action: 'This is a fault of Steward; please report it with what you did.',
          cause: error,
        });
  if (wantsJson(argv)) {
    const { exitCode, message, action, problem } = known;
    terminal.err(`${JSON.stringify({ error: { exitCode, message, action, problem } })}\n`);
  } else {
    const paint = paintFor(terminal, terminal.errIsTty);
    terminal.err(`${paint('error:', 'red')} ${oneLine(known.message)}\n`);
    if (known.action !== undefined) terminal.err(`  ${oneLine(known.action)}\n`);
    if (terminal.env['STEWARD_DEBUG'] && error instanceof Error) terminal.err(`${error.stack ?? ''}\n`);
  }
  return known.exitCode;
}

/** Runs one command line (without the program's own name) and says how it ended. */
export async function runSteward(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let ended: ExitCode = EXIT.ok;
  // The parser of the command line writes its own errors; for programs they are written here.
  const isForPrograms = wantsJson(argv);
  const writeUsage = (text: string): void => {
    if (!isForPrograms) terminal.err(text);
  };
  const program = buildProgram({ terminal, ended: (code) => (ended = code) }, writeUsage);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return terminal.signal.aborted ? EXIT.interrupted : ended;
  } catch (error) {
    if (terminal.signal.aborted) return EXIT.interrupted;
    if (error instanceof CommanderError) return reportUsage(error, argv, terminal);
    return report(error, argv, terminal);
  }
}
