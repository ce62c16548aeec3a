import type { Call } from '../access/routes.ts';
import { branchesOf, propertiesOf, sampleOf, type DescribedRoute, type Document, type Schema } from './document.ts';
import {
  NASTY_BODIES,
  NASTY_CONTENT_TYPES,
  NASTY_CURSORS,
  NASTY_HEADERS,
  NASTY_JSON,
  NASTY_PARTS,
  OTHER_METHODS,
} from './nasty-values.ts';
import type { RawCall } from './send-raw.ts';

/** Chooses some of many, always the same ones; all of them without a limit. */
export type Choose = <T>(all: readonly T[]) => readonly T[];

export const everyOne: Choose = (all) => all;

/** So many of each list, others each time, the same in each run. */
export function chooser(count: number, seed: number): Choose {
  let state = seed;
  const next = (below: number): number => {
    // A linear congruential generator, by Numerical Recipes.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return (all) => {
    if (all.length <= count) return all;
    const start = next(all.length);
    const step = 1 + next(all.length - 1);
    const at = new Set(Array.from({ length: count }, (_, index) => (start + index * step) % all.length));
    return [...at].map((index) => all[index]).filter((one) => one !== undefined);
  };
}

const HOLE = 'the place of something nasty';
const MAX_DEPTH = 3;

type Fill = (inner: unknown) => unknown;

/** Every place in a body of this schema, as a function that puts something there into a body that fits otherwise. */
function placesOf(schema: Schema, document: Document, base: unknown, depth = 0): Fill[] {
  const own: Fill = (inner) => inner;
  if (depth > MAX_DEPTH) return [own];
  const deeper = branchesOf(schema, document).flatMap((branch) => {
    const sample = fitting(branch, document, base);
    const members = propertiesOf(branch).flatMap(([name, inner]) =>
      placesOf(inner, document, sample[name], depth + 1).map((fill): Fill => (put) => ({
        ...sample,
        [name]: fill(put),
      })),
    );
    const open: Fill[] = propertiesOf(branch).length > 0 ? [(put) => ({ ...sample, 'not-known': put })] : [];
    const { additionalProperties: others } = branch;
    if (typeof others !== 'object' || others === null) return [...members, ...open];
    const [key = 'Deployment/web'] = Object.keys(sample);
    return [
      ...members,
      ...placesOf(others as Schema, document, sample[key], depth + 1).map((fill): Fill => (put) => ({
        [key]: fill(put),
      })),
    ];
  });
  return [own, ...deeper];
}

/** What is known to fit, where it is of this branch; else a sample. */
function fitting(branch: Schema, document: Document, base: unknown): Record<string, unknown> {
  const sample = sampleOf(branch, document);
  const isOfBranch = propertiesOf(branch).every(
    ([name, inner]) => !('const' in inner) || (base as Record<string, unknown> | undefined)?.[name] === inner['const'],
  );
  const known = isOfBranch && typeof base === 'object' && base !== null && !Array.isArray(base) ? base : {};
  return typeof sample === 'object' && sample !== null && !Array.isArray(sample)
    ? { ...sample, ...known }
    : { ...known };
}

const JSON_TYPE = { 'content-type': 'application/json' };

function bodyCalls(route: DescribedRoute, base: Call, document: Document, choose: Choose): RawCall[] {
  const { method } = route;
  const path = `/api/v1${base.path}`;
  const whole = choose(NASTY_BODIES).map((body) => ({ method, path, headers: JSON_TYPE, body }));
  if (!route.body) return whole;
  const filled = placesOf(route.body, document, base.body).flatMap((fill) => {
    const text = JSON.stringify(fill(HOLE));
    return choose(NASTY_JSON).map((nasty) => text.replace(JSON.stringify(HOLE), () => nasty));
  });
  return [...whole, ...filled.map((body) => ({ method, path, headers: JSON_TYPE, body }))];
}

function queryCalls({ method, query }: DescribedRoute, base: Call, choose: Choose): RawCall[] {
  const [path = '', given = ''] = `/api/v1${base.path}`.split('?');
  const others = given === '' ? '' : `&${given}`;
  const of = (name: string): string[] => [
    ...choose(name === 'cursor' ? NASTY_CURSORS : NASTY_PARTS).map((part) => `${name}=${part}`),
    `${name}=1&${name}=2`,
    `${name}[]=1`,
    `${name}[a]=1`,
    name,
  ];
  const strange = ['nosuch=1', '__proto__=1', 'constructor[prototype]=1', '=', '&&&', '%00=%00', '?', '%'];
  return [...query.flatMap(of), ...choose(strange)].map((text) => ({ method, path: `${path}?${text}${others}` }));
}

/** Each named part of the path by something else. */
function pathCalls({ method, path }: DescribedRoute, base: Call, choose: Choose): RawCall[] {
  const named = path.split('/');
  const parts = `/api/v1${base.path.split('?')[0] ?? ''}`.split('/');
  return named.flatMap((name, at) =>
    name.startsWith('{') ? choose(NASTY_PARTS).map((part) => ({ method, path: parts.with(at, part).join('/') })) : [],
  );
}

function otherCalls(
  { method, body }: DescribedRoute,
  base: Call,
  declared: ReadonlySet<string>,
  choose: Choose,
): RawCall[] {
  const path = `/api/v1${base.path}`;
  const text = base.body instanceof Uint8Array || !body ? '{}' : JSON.stringify(base.body ?? {});
  const withBody = method === 'GET' ? {} : { body: text };
  return [
    ...choose(NASTY_CONTENT_TYPES).map((type) => ({ method, path, headers: { 'content-type': type }, body: text })),
    // A body that is not as expected, so that nothing comes of it.
    ...choose(NASTY_HEADERS).map((headers) => ({
      method,
      path: `${path.split('?')[0]}/%00`,
      headers: { ...JSON_TYPE, ...headers },
      ...withBody,
    })),
    ...(method === 'GET' ? [{ method: 'HEAD', path }] : []),
    ...choose(OTHER_METHODS)
      .filter((other) => !declared.has(other))
      .map((other) => ({ method: other, path })),
  ];
}

/**
 * Calls of one route with something nasty in each of its places.
 * @param base a call that is as it should be
 */
export function nastyCalls(route: DescribedRoute, base: Call, document: Document, choose: Choose): RawCall[] {
  const declared = new Set(Object.keys(document.paths[route.path] ?? {}).map((method) => method.toUpperCase()));
  return [
    ...(route.method === 'GET' || route.method === 'DELETE' ? [] : bodyCalls(route, base, document, choose)),
    ...queryCalls(route, base, choose),
    ...pathCalls(route, base, choose),
    ...otherCalls(route, base, declared, choose),
  ];
}
