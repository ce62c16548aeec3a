import { ApiToken, CreatedUser, Customer, NewPassword, User, type Role } from '@steward/shared';
import type { Command } from 'commander';
import * as Type from 'typebox';
import { CliError, usageError } from '../cli-error.ts';
import { UUID } from '../clusters/find-cluster.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';
import { localTime } from '../output/time.ts';
import { addCommand, addGroup, type Invocation, type Session } from '../program/command.ts';
import { askSecret, confirm, readInput } from '../terminal/prompt.ts';
import { roleOption } from './role-option.ts';

const Nothing = Type.Unknown();

interface UserOptions {
  name?: string;
  role: Role;
  customer?: string;
  passwordStdin?: boolean;
}

async function runUserCreate(invocation: Invocation<UserOptions>): Promise<void> {
  const {
    args: [email = ''],
    options,
    output,
    terminal,
    hub,
    note,
  } = invocation;
  const password = options.passwordStdin ? await readInput(terminal, 1000) : undefined;
  const user = await (
    await hub()
  ).post(CreatedUser, '/users', {
    email,
    name: options.name ?? email,
    role: options.role,
    ...(options.customer === undefined ? {} : { customer: options.customer }),
    ...(password === undefined ? {} : { password }),
  });
  output.outcome(user, user.password ?? `User ${user.email} (${user.role}).`);
  if (user.password !== undefined) note(`That is the password of ${user.email}; it is shown this once.`);
}

async function customerNames(client: HubClient): Promise<Map<string, string>> {
  const customers = await client.list(Customer, '/customers');
  return new Map(customers.map(({ id, slug }) => [id, slug]));
}

async function runUserList({ output, hub }: Invocation<object>): Promise<void> {
  const client = await hub();
  const [users, names] = await Promise.all([client.list(User, '/users'), customerNames(client)]);
  output.rows(
    users,
    [
      { title: 'e-mail', cell: (user) => user.email },
      { title: 'name', cell: (user) => user.name },
      { title: 'role', cell: (user) => user.role },
      { title: 'customer', cell: (user) => names.get(user.customerId ?? '') ?? '' },
      { title: 'created', cell: (user) => localTime(user.createdAt) },
    ],
    'No users.',
  );
}

/** By e-mail address or id. @throws CliError when there is none, or several customers have one of that address */
async function findUser(hub: HubClient, wanted: string): Promise<User> {
  if (UUID.test(wanted)) return hub.get(User, apiPath`/users/${wanted}`);
  const users = await hub.list(User, '/users');
  const found = users.filter(({ email }) => email.toLowerCase() === wanted.toLowerCase());
  const [user, other] = found;
  if (!user) throw new CliError(EXIT.notFound, `there is no user "${wanted}"`, { action: 'See `steward user list`.' });
  if (other)
    throw new CliError(EXIT.conflict, `${found.length} users have the address "${wanted}"`, {
      action: `Give the id of one: ${found.map(({ id, role }) => `${id} (${role})`).join(' or ')}`,
    });
  return user;
}

async function runUserDelete(invocation: Invocation<{ yes?: boolean }>): Promise<ExitCode | void> {
  const { args, output } = invocation;
  const hub = await invocation.hub();
  const user = await findUser(hub, args[0] ?? '');
  const tokens = (await hub.list(ApiToken, '/tokens')).filter(({ madeBy }) => madeBy === user.id);
  const names = tokens.map(({ name }) => name).join(', ');
  const ending = tokens.length === 0 ? '' : ` The API tokens that this person made end too: ${names}.`;
  if (!(await confirm(invocation, `Remove ${user.email} (${user.role})?${ending}`))) return EXIT.usage;
  await hub.delete(apiPath`/users/${user.id}`);
  output.outcome({ id: user.id, email: user.email }, `${user.email} is removed, and logged out everywhere.${ending}`);
}

/** The old and the new one: typed, or two lines of standard input. */
async function passwordsOf({ terminal, options }: Invocation<{ passwordStdin?: boolean }>): Promise<string[]> {
  if (options.passwordStdin) {
    const [oldPassword = '', password] = (await readInput(terminal, 1000)).split(/\r?\n/);
    if (password === undefined) throw usageError('standard input has one line', 'Give the old password, then the new.');
    return [oldPassword, password];
  }
  const instead = 'Give --password-stdin, with the old password and the new one in a line each.';
  const oldPassword = await askSecret(terminal, 'Old password: ', instead);
  const password = await askSecret(terminal, 'New password: ', instead);
  if ((await askSecret(terminal, 'New password, again: ', instead)) !== password)
    throw usageError('the two new passwords differ', 'Nothing was changed.');
  return [oldPassword, password];
}

async function runUserPassword(invocation: Invocation<{ passwordStdin?: boolean }>): Promise<void> {
  const { args, options, output, note } = invocation;
  const [wanted] = args;
  const hub = await invocation.hub();
  if (wanted === undefined) {
    const [oldPassword, password] = await passwordsOf(invocation);
    await hub.putOnce(Nothing, '/me/password', { oldPassword, password });
    return output.outcome({}, 'Your password is another one now; you are logged out everywhere else.');
  }
  if (options.passwordStdin)
    throw usageError('somebody else is given a password that the hub makes', 'Leave --password-stdin out.');
  const user = await findUser(hub, wanted);
  const made = await hub.post(NewPassword, apiPath`/users/${user.id}/password`, {});
  output.outcome({ id: user.id, email: user.email, ...made }, made.password);
  note(`That is the new password of ${user.email}; it is shown this once. All sessions of ${user.email} have ended.`);
}

export function addUserCommands(program: Command, session: Session): void {
  const user = addGroup(program, 'user', "users: people, yours and the customers'");
  addCommand<UserOptions>(user, session, {
    usage: 'create <email>',
    summary: 'add a person',
    about: 'Without --password-stdin the hub makes a password, which is printed once.',
    examples: [
      'steward user create sam@acme.example --role support-engineer',
      'steward user create kim@beta.example --role customer-admin --customer beta',
    ],
    options: (command) =>
      command
        .addOption(roleOption())
        .option('--customer <slug>', 'for the customer- roles: whose')
        .option('--name <name>', 'name of the person (default: the e-mail address)')
        .option('--password-stdin', 'read the password from standard input'),
    run: runUserCreate,
  });
  addCommand(user, session, {
    usage: 'list',
    summary: 'list people',
    examples: ['steward user list'],
    run: runUserList,
  });
  addCommand<{ passwordStdin?: boolean }>(user, session, {
    usage: 'password [email]',
    summary: 'change your own password, or give somebody a new one, printed once',
    about:
      'Without an address it is your own: the old one is asked for, then the new one twice, and your other sessions end. ' +
      'With one, the hub makes a password for that person, whose sessions all end; for owners, and for the customer-admins of a customer. API tokens go on.',
    examples: ['steward user password', 'steward user password sam@acme.example'],
    options: (command) =>
      command.option('--password-stdin', 'your own: read the old and the new one from standard input, a line each'),
    run: runUserPassword,
  });
  addCommand<{ yes?: boolean }>(user, session, {
    usage: 'delete <email-or-id>',
    summary: 'remove a person, at once',
    about:
      'Sessions, live feeds and the API tokens that the person made end at once; what the person did stays written down. ' +
      'Make tokens that must outlive somebody as somebody else, first. The last owner cannot be removed.',
    examples: ['steward user delete sam@acme.example', 'steward user delete sam@acme.example --yes'],
    options: (command) => command.option('-y, --yes', 'do not ask'),
    run: runUserDelete,
  });
}
