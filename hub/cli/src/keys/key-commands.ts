import { TrustedKey } from '@steward/shared';
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { localTime } from '../output/time.ts';
import { addCommand, addGroup, type Invocation, type Session } from '../program/command.ts';
import { createKeyFile, loadPublicKey, publicKeyPath } from '../publish/key-file.ts';

async function runCreate({ terminal, args: [file = ''], output, note }: Invocation<object>): Promise<void> {
  const path = resolve(terminal.cwd, file);
  const key = await createKeyFile(path);
  output.outcome({ ...key, file: path, publicFile: publicKeyPath(path) }, key.fingerprint);
  note(`private key: ${path} (keep it offline, and a copy of it: releases cannot be signed without)`);
  note(`public key:  ${publicKeyPath(path)}`);
  note('Give customers the fingerprint above by another way than the hub: in the contract, on your site.');
}

async function runTrust({
  terminal,
  args: [file = ''],
  options,
  output,
  hub,
}: Invocation<{ name: string }>): Promise<void> {
  const key = await loadPublicKey(resolve(terminal.cwd, file));
  const stored = await (
    await hub()
  ).post(TrustedKey, '/release-keys', { name: options.name, publicKey: key.publicKey });
  output.outcome(stored, `The hub takes releases signed by ${stored.fingerprint} ("${stored.name}").`);
}

async function runList({ output, hub }: Invocation<object>): Promise<void> {
  const keys = await (await hub()).list(TrustedKey, '/release-keys');
  output.rows(
    keys,
    [
      { title: 'name', cell: (key) => key.name },
      { title: 'fingerprint', cell: (key) => key.fingerprint },
      { title: 'added', cell: (key) => localTime(key.createdAt) },
    ],
    'The hub knows no release key. Make one: steward keys create FILE; then: steward keys trust FILE --name NAME',
  );
}

async function runFingerprint({ terminal, args: [file = ''], output }: Invocation<object>): Promise<void> {
  const key = await loadPublicKey(resolve(terminal.cwd, file));
  output.outcome(key, key.fingerprint);
}

export function addKeyCommands(program: Command, session: Session): void {
  const keys = addGroup(program, 'keys', 'release keys: what you sign releases with');
  addCommand(keys, session, {
    usage: 'create <file>',
    summary: 'make a release key (Ed25519) and print its fingerprint',
    about:
      'The private key stays on this machine, in a file that only you can read; a file that is there is never overwritten. ' +
      'Who has this key can publish in your name: keep it offline or on the machine that releases are made on.',
    examples: ['steward keys create release.key'],
    run: runCreate,
  });
  addCommand<{ name: string }>(keys, session, {
    usage: 'trust <file>',
    summary: 'let the hub take releases signed with a key',
    about: 'Sends the public half only. Clusters trust the keys that were known when their agent was installed.',
    examples: ['steward keys trust release.key.pub --name main'],
    options: (command) => command.requiredOption('--name <name>', 'what people call the key'),
    run: runTrust,
  });
  addCommand(keys, session, {
    usage: 'list',
    summary: 'list the keys that the hub takes releases from',
    examples: ['steward keys list'],
    run: runList,
  });
  addCommand(keys, session, {
    usage: 'fingerprint <file>',
    summary: 'print the fingerprint of a private or public key',
    examples: ['steward keys fingerprint release.key.pub'],
    run: runFingerprint,
  });
}
