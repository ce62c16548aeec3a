import { inject } from 'vitest';
import { startStack, type Stack, type StackOptions } from './stack.ts';

/** A stack on what the global set-up of the system level provides. */
export function startStackHere(options: Partial<StackOptions> = {}): Promise<Stack> {
  return startStack({
    kubeconfig: inject('kubeconfig'),
    hostAddress: inject('hostAddress'),
    postgresUrl: inject('postgresUrl'),
    agentImage: inject('agentImage'),
    ...options,
  });
}
