import * as Type from 'typebox';
import { compile, entryFor, type RegistryLogin } from '@steward/shared';
import type { KubeClient } from '../../kube/client.ts';
import { SECRET } from '../../operations/kinds.ts';
import { persist } from '../../operations/persist.ts';
import { done, failed, type Outcome } from '../outcome.ts';

const CONFIG = '.dockerconfigjson';
const AUTHORITY = 'ca.crt';

const decode = compile(
  Type.Object({ data: Type.Object({ [CONFIG]: Type.String(), [AUTHORITY]: Type.Optional(Type.String()) }) }),
);

/** With what a registry is asked: nothing of it goes to another one. */
export interface RegistryKeys {
  login: RegistryLogin | undefined;
  caPem: string | undefined;
}

const NO_KEYS: RegistryKeys = { login: undefined, caPem: undefined };

/**
 * What the customer's Secrets have for a place, each read by its name in the agent's own namespace; nothing when none of
 * them names its registry. One that cannot be used is a failure.
 */
export async function loadRegistryKeys(
  kube: KubeClient,
  wanted: { namespace: string; names: readonly string[]; place: string; signal: AbortSignal },
): Promise<Outcome<RegistryKeys>> {
  const { namespace, names, place, signal } = wanted;
  let best: { name: string; keys: RegistryKeys } | undefined;
  for (const name of names) {
    const object = await persist(() => kube.get(SECRET, namespace, name, { signal }), signal);
    if (!object) return unusable(name, `is not in namespace ${namespace}`);
    const decoded = decode(object);
    if (!decoded.ok) return unusable(name, `is no Secret of type kubernetes.io/dockerconfigjson: ${decoded.error}`);
    const { [CONFIG]: config, [AUTHORITY]: authority } = decoded.value.data;
    const entry = entryFor(textOf(config), place);
    if (!entry.ok) return unusable(name, `cannot be read: ${entry.error}`);
    if (!entry.value || (best && best.name.length >= entry.value.name.length)) continue;
    const caPem = authority === undefined ? undefined : textOf(authority);
    best = { name: entry.value.name, keys: { login: entry.value.login, caPem } };
  }
  return done(best?.keys ?? NO_KEYS);
}

function textOf(base64 = ''): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

function unusable(name: string, why: string): Outcome<never> {
  return failed('image-source-invalid', `Secret/${name}, which an ImageSource names in chartPullSecrets, ${why}`);
}
