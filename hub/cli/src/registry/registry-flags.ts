import type { Command } from 'commander';

/** How a registry is reached, where it is not by TLS with a public authority. */
export interface RegistryFlags {
  registryCa?: string;
  plainHttp?: boolean;
}

export function withRegistryFlags(command: Command): Command {
  return command
    .option('--registry-ca <file>', "certificate of the registry's own authority (PEM)")
    .option('--plain-http', 'speak to the registry without TLS; for one on this machine only');
}
