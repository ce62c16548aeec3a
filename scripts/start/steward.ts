import { compile, type Decoder } from '@steward/shared';
import type { Static, TSchema } from 'typebox';
import { command, mustSucceed, type Finished } from '../../test/support/command.ts';
import { CLI_PROGRAM } from '../process.ts';

/** The `steward` command, logged in to the hub of `npm start`. */
export interface Steward {
  run(args: readonly string[], input?: string): Promise<Finished>;
  /** Rejects with what was printed unless it exits with 0. */
  must(args: readonly string[], input?: string): Promise<string>;
  /** What a command answers with `--output json`, decoded. */
  load<T extends TSchema>(schema: T, args: readonly string[]): Promise<Static<T>>;
}

export function stewardCommand(env: Record<string, string>): Steward {
  const options = (input?: string) => ({ env, ...(input !== undefined && { input }) });
  const must = (args: readonly string[], input?: string): Promise<string> =>
    mustSucceed(process.execPath, [CLI_PROGRAM, ...args], options(input));
  return {
    run: (args, input) => command(process.execPath, [CLI_PROGRAM, ...args], options(input)),
    must,
    load: async <T extends TSchema>(schema: T, args: readonly string[]): Promise<Static<T>> => {
      const decode: Decoder<Static<T>> = compile(schema);
      const decoded = decode(JSON.parse(await must([...args, '--output', 'json'])));
      if (!decoded.ok) throw new Error(`steward ${args.join(' ')} answered something else: ${decoded.error}`);
      return decoded.value;
    },
  };
}
