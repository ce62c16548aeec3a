import { ApiToken, CreatedApiToken, Customer, Identity, type Role } from '@steward/shared';
import { InvalidArgumentError, type Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { apiPath } from '../hub-api/hub-client.ts';
import { localTime } from '../output/time.ts';
import { addCommand, addGroup, type Invocation, type Session } from '../program/command.ts';
import { roleOption } from './role-option.ts';
import { addUserCommands } from './user-commands.ts';

interface TokenOptions {
  role: Role;
  customer?: string;
  expiresInDays?: number;
}

async function runCustomerCreate({
  args: [slug = ''],
  options,
  output,
  hub,
}: Invocation<{ name?: string }>): Promise<void> {
  const customer = await (await hub()).post(Customer, '/customers', { slug, name: options.name ?? slug });
  output.outcome(customer, `Customer ${customer.slug}. Next: steward cluster create NAME --customer ${customer.slug}`);
}

async function runCustomerList({ output, hub }: Invocation<object>): Promise<void> {
  const customers = await (await hub()).list(Customer, '/customers');
  output.rows(
    customers,
    [
      { title: 'customer', cell: (customer) => customer.slug },
      { title: 'name', cell: (customer) => customer.name },
      { title: 'created', cell: (customer) => localTime(customer.createdAt) },
    ],
    'No customers yet. Make one: steward customer create SLUG --name NAME',
  );
}

async function runTokenCreate({
  args: [name = ''],
  options,
  output,
  hub,
  note,
}: Invocation<TokenOptions>): Promise<void> {
  const { role, customer, expiresInDays } = options;
  const token = await (await hub()).post(CreatedApiToken, '/tokens', { name, role, customer, expiresInDays });
  output.outcome(token, token.token);
  note(`That is the token "${token.name}"; it is shown this once. Use it: STEWARD_TOKEN=… or steward login --token`);
}

async function runTokenList({ output, hub }: Invocation<object>): Promise<void> {
  const tokens = await (await hub()).list(ApiToken, '/tokens');
  output.rows(
    tokens,
    [
      { title: 'name', cell: (token) => token.name },
      { title: 'role', cell: (token) => token.role },
      { title: 'made by', cell: (token) => token.createdBy ?? '' },
      { title: 'created', cell: (token) => localTime(token.createdAt) },
      { title: 'expires', cell: (token) => localTime(token.expiresAt) || 'never' },
      { title: 'last used', cell: (token) => localTime(token.lastUsedAt) || 'never' },
      { title: 'id', cell: (token) => token.id },
    ],
    'No API tokens. Make one: steward token create NAME --role ROLE',
  );
}

async function runTokenDelete({ args: [wanted = ''], output, hub }: Invocation<object>): Promise<void> {
  const client = await hub();
  const tokens = await client.list(ApiToken, '/tokens');
  const found = tokens.filter(({ id, name }) => id === wanted || name === wanted);
  const [token, other] = found;
  if (!token)
    throw new CliError(EXIT.notFound, `there is no token "${wanted}"`, { action: 'See `steward token list`.' });
  if (other)
    throw new CliError(EXIT.conflict, `${found.length} tokens are called "${wanted}"`, {
      action: 'Give the id of one of them.',
    });
  const { tokenName } = await client.get(Identity, '/me');
  const isOwn = tokenName === token.name && tokens.filter(({ name }) => name === tokenName).length === 1;
  await client.delete(apiPath`/tokens/${token.id}`, isOwn);
  output.outcome({ id: token.id, name: token.name }, `Token ${token.name} is of no use any more.`);
}

function days(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number of days.');
  return value;
}

export function addPeopleCommands(program: Command, session: Session): void {
  const customer = addGroup(program, 'customer', 'customers: who runs your services');
  addCommand<{ name?: string }>(customer, session, {
    usage: 'create <slug>',
    summary: 'add a customer',
    examples: ['steward customer create beta --name "Beta Corp"'],
    options: (command) => command.option('--name <name>', 'name for people (default: the slug)'),
    run: runCustomerCreate,
  });
  addCommand(customer, session, {
    usage: 'list',
    summary: 'list customers',
    examples: ['steward customer list'],
    run: runCustomerList,
  });

  addUserCommands(program, session);

  const token = addGroup(program, 'token', 'API tokens: for scripts and CI');
  addCommand<TokenOptions>(token, session, {
    usage: 'create <name>',
    summary: 'make a token and print it, once',
    examples: ['steward token create ci --role release-engineer --expires-in-days 90'],
    options: (command) =>
      command
        .addOption(roleOption())
        .option('--customer <slug>', 'for the customer- roles: whose')
        .option('--expires-in-days <days>', 'of no use after that (default: never)', days),
    run: runTokenCreate,
  });
  addCommand(token, session, {
    usage: 'list',
    summary: 'list tokens',
    examples: ['steward token list'],
    run: runTokenList,
  });
  addCommand(token, session, {
    usage: 'delete <name-or-id>',
    summary: 'make a token useless, at once',
    examples: ['steward token delete ci'],
    run: runTokenDelete,
  });
}
