import { Identity, Session as LoginSession, type Login } from '@steward/shared';
import type { Command } from 'commander';
import { configPath, loadConfig, saveConfig, type Profile } from '../config/config-file.ts';
import { hubUrl, loadCa, loadConnection, profileName } from '../config/connection.ts';
import { CliError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { httpClient } from '../hub-api/http.ts';
import { HubClient } from '../hub-api/hub-client.ts';
import { localTime } from '../output/time.ts';
import { addCommand, type Invocation, type Session } from '../program/command.ts';
import { ask, askSecret, readInput } from '../terminal/prompt.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface LoginOptions {
  email?: string;
  passwordStdin?: boolean;
  token?: string | boolean;
  ca?: string;
}

async function passwordOf({ terminal, options }: Invocation<LoginOptions>): Promise<string> {
  if (options.passwordStdin) return readInput(terminal, 1000);
  return (
    terminal.env['STEWARD_PASSWORD'] ??
    (await askSecret(terminal, 'Password: ', 'Give --password-stdin, or set STEWARD_PASSWORD.'))
  );
}

async function tokenOf({ terminal, options }: Invocation<LoginOptions>): Promise<string | undefined> {
  if (options.token === undefined) return undefined;
  if (typeof options.token === 'string' && options.token !== '-') return options.token;
  return terminal.inputIsTty ? askSecret(terminal, 'API token: ', '') : readInput(terminal, 1000);
}

/** Asks the hub of a profile, with its own token and CA, whatever the environment names. */
async function asProfile<T>(
  { env, signal }: Terminal,
  { url, token, ca }: Profile,
  work: (hub: HubClient) => Promise<T>,
): Promise<T> {
  const hub = new HubClient(url, token, httpClient(ca, env), signal);
  try {
    return await work(hub);
  } finally {
    hub.close();
  }
}

async function logInWithPassword(invocation: Invocation<LoginOptions>, base: Profile): Promise<LoginSession> {
  const { terminal, options } = invocation;
  const email = options.email ?? (await ask(terminal, 'E-mail: ', 'Give --email.'));
  const login: Login = { email, password: await passwordOf(invocation) };
  return asProfile(terminal, base, (hub) => hub.post(LoginSession, '/sessions', login));
}

/** The hub meant, with the CA to trust: what is given now, else what was saved for the same address. */
async function hubOf(invocation: Invocation<LoginOptions>, saved: Profile | undefined): Promise<Profile> {
  const { terminal, options, args } = invocation;
  const given = args[0] ?? terminal.env['STEWARD_URL'] ?? saved?.url;
  if (given === undefined)
    throw usageError('which hub?', 'Give its address: steward login https://hub.example.com:8443');
  const url = hubUrl(given);
  const ca = options.ca ? await loadCa(terminal, options.ca) : saved?.url === url ? saved.ca : undefined;
  return { url, ...(ca === undefined ? {} : { ca }) };
}

async function runLogin(invocation: Invocation<LoginOptions>): Promise<void> {
  const { terminal, options, output, note } = invocation;
  const path = configPath(terminal.env);
  const config = await loadConfig(path);
  const name = profileName(terminal, options, config.current);
  const base = await hubOf(invocation, config.profiles[name]);
  const token = await tokenOf(invocation);
  const session = token === undefined ? await logInWithPassword(invocation, base) : undefined;
  const profile: Profile = {
    ...base,
    token: session?.token ?? token ?? '',
    ...(session ? { email: session.user.email } : {}),
  };
  // With what is saved, so that a wrong token is found at once.
  const identity = await asProfile(terminal, profile, (hub) => hub.get(Identity, '/me'));
  await saveConfig(path, { current: name, profiles: { ...config.profiles, [name]: profile } });
  const who = identity.user?.email ?? identity.tokenName ?? identity.role;
  const until = session ? `, until ${localTime(session.expiresAt)}` : '';
  const place = `${identity.role} of ${identity.organization.name}`;
  output.outcome(identity, `Logged in to ${base.url} as ${who} (${place})${until}.`);
  note(`saved in ${path}, profile "${name}"`);
}

async function runLogout({ terminal, options, output, note }: Invocation<object>): Promise<void> {
  const path = configPath(terminal.env);
  const config = await loadConfig(path);
  const name = profileName(terminal, options, config.current);
  const profile = config.profiles[name];
  if (profile?.token === undefined)
    return output.outcome({ profile: name }, `You are not logged in (profile "${name}").`);
  if (profile.email !== undefined)
    await asProfile(terminal, profile, (hub) => hub.delete('/sessions/current')).catch((error: unknown) => {
      if (!(error instanceof CliError)) throw error;
      if (error.exitCode !== EXIT.notAllowed) note(`the hub was not told: ${error.message}`);
    });
  const { token: _token, ...rest } = profile;
  await saveConfig(path, { ...config, profiles: { ...config.profiles, [name]: rest } });
  output.outcome({ profile: name }, `Logged out of ${profile.url}.`);
}

async function runWhoami({ terminal, options, output, hub }: Invocation<object>): Promise<void> {
  const identity = await (await hub()).get(Identity, '/me');
  const { url, profileName: profile } = await loadConnection(terminal, options);
  output.details(identity, [
    ['Hub', url],
    ['Profile', profile],
    ['Organization', `${identity.organization.name} (${identity.organization.slug})`],
    ['Customer', identity.customer && `${identity.customer.name} (${identity.customer.slug})`],
    ['User', identity.user?.email],
    ['API token', identity.tokenName],
    ['Role', identity.role],
  ]);
}

export function addLoginCommands(program: Command, session: Session): void {
  addCommand<LoginOptions>(program, session, {
    usage: 'login [hub]',
    summary: 'log in to a hub',
    about:
      "Keeps address, token and the hub's own CA in the configuration file (mode 0600), so that they are not needed again. " +
      'STEWARD_URL, STEWARD_TOKEN and STEWARD_CA (a file) go before it, for scripts.',
    examples: [
      'steward login https://hub.example.com:8443 --ca hub-ca.pem --email owner@acme.example',
      'steward login https://hub.example.com --token < token.txt',
      'steward login https://staging.example.com --profile staging',
    ],
    options: (command) =>
      command
        .option('--email <address>', 'who you are (asked for when it is left out)')
        .option('--password-stdin', 'read the password from standard input (else: STEWARD_PASSWORD, or asked for)')
        .option('--token [token]', 'use an API token; without a value, or with -, it is read from standard input')
        .option('--ca <file>', "the hub's own certificate authority, PEM; the only one trusted then"),
    run: runLogin,
  });
  addCommand(program, session, {
    usage: 'logout',
    summary: 'end the session and forget the token',
    examples: ['steward logout'],
    run: runLogout,
  });
  addCommand(program, session, {
    usage: 'whoami',
    summary: 'show who you are to the hub',
    examples: ['steward whoami', 'steward whoami --output json'],
    run: runWhoami,
  });
}
