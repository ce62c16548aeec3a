import { usageError } from '../cli-error.ts';

/** Flags of every command that says which release is meant. */
export interface ReleaseChoice {
  version?: string;
  channel?: string;
}

/** As the hub takes it. @throws CliError when both are given */
export function releaseChoice({ version, channel }: ReleaseChoice): ReleaseChoice {
  if (version !== undefined && channel !== undefined) throw usageError('--version and --channel: give one of them');
  return { ...(version === undefined ? {} : { version }), ...(channel === undefined ? {} : { channel }) };
}
