import { Command, Option } from 'commander';
import type { ExitCode } from '../exit-codes.ts';
import { loadConnection, type ConnectionFlags } from '../config/connection.ts';
import { httpClient } from '../hub-api/http.ts';
import { HubClient } from '../hub-api/hub-client.ts';
import { Output, OUTPUT_FORMATS, type OutputFormat } from '../output/output.ts';
import { oneLine, type Terminal } from '../terminal/terminal.ts';

/** Flags that every command has. */
export interface CommonOptions extends ConnectionFlags {
  output?: OutputFormat;
}

/** One call of a command. */
export interface Invocation<O> {
  terminal: Terminal;
  output: Output;
  args: string[];
  options: O & CommonOptions;
  /** The hub this person is logged in to. Closed when the command ends. */
  hub: () => Promise<HubClient>;
  /** A line for people on standard error: progress, advice. */
  note: (line: string) => void;
}

export interface CommandSpec<O> {
  /** Name and arguments: `show <name>`. */
  usage: string;
  summary: string;
  /** What one must know beyond the summary. */
  about?: string;
  examples: readonly string[];
  options?(command: Command): void;
  run(invocation: Invocation<O>): Promise<ExitCode | void>;
}

/** Where commands report how they ended. */
export interface Session {
  terminal: Terminal;
  ended(code: ExitCode): void;
}

const OUTPUT_HELP = 'how results are written; json and yaml carry what the API answered';

/** Adds a command with the flags, help and error handling that all have. */
export function addCommand<O>(parent: Command, session: Session, spec: CommandSpec<O>): Command {
  const command = parent.command(spec.usage).summary(spec.summary);
  command.description(spec.about === undefined ? `${spec.summary}.` : `${spec.summary}.\n\n${spec.about}`);
  spec.options?.(command);
  command.addOption(new Option('-o, --output <format>', OUTPUT_HELP).choices(OUTPUT_FORMATS).default('table'));
  command.option('--profile <name>', 'login to use, when there are several (env: STEWARD_PROFILE)');
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join('\n')}`);
  command.action(async () => {
    const { terminal } = session;
    const options: O & CommonOptions = command.opts();
    let client: HubClient | undefined;
    const invocation: Invocation<O> = {
      terminal,
      options,
      args: command.processedArgs.flat().filter((arg): arg is string => typeof arg === 'string'),
      output: new Output(terminal, options.output ?? 'table'),
      note: (line) => terminal.err(`${oneLine(line)}\n`),
      hub: async () => {
        if (client) return client;
        const { url, token, ca } = await loadConnection(terminal, options);
        client = new HubClient(url, token, httpClient(ca, terminal.env), terminal.signal);
        return client;
      },
    };
    try {
      session.ended((await spec.run(invocation)) ?? 0);
    } finally {
      client?.close();
    }
  });
  return command;
}

/** Adds a word that only groups other commands: `steward cluster …`. */
export function addGroup(parent: Command, name: string, summary: string): Command {
  return parent.command(name).summary(summary).description(`${summary}.`);
}

/** For options that may be given several times. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}
