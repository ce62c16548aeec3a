import type { KubeClient, KubeObject } from './client.ts';
import { nameOf } from './object.ts';

/** Makes a call of the API server and answers with what it answered. */
export type Observe = <T>(what: string, call: () => Promise<T>) => Promise<T>;

/** The same client, whose calls go through `observe` with words for what they do. Watches report by themselves. */
export function observedClient(kube: KubeClient, observe: Observe): KubeClient {
  const applied = (object: KubeObject, isTried: boolean | undefined): string =>
    `${isTried === true ? 'trying' : 'applying'} ${nameOf(object)}`;
  return {
    resourceOf: (apiVersion, kind) =>
      observe(`looking up the kind ${kind} of ${apiVersion}`, () => kube.resourceOf(apiVersion, kind)),
    servedAs: (kind) => observe(`looking up how ${kind.kind} is served`, () => kube.servedAs(kind)),
    get: (ref, namespace, name, options) =>
      observe(`reading ${ref.kind}/${name}`, () => kube.get(ref, namespace, name, options)),
    list: (ref, namespace, options) => observe(`listing ${ref.plural}`, () => kube.list(ref, namespace, options)),
    create: (object, options) =>
      observe(`${options?.dryRun === true ? 'trying' : 'making'} ${nameOf(object)}`, () =>
        kube.create(object, options),
      ),
    update: (object, options) => observe(`writing ${nameOf(object)}`, () => kube.update(object, options)),
    apply: (object, options) => observe(applied(object, options.dryRun), () => kube.apply(object, options)),
    applyStatus: (object, options) => observe(applied(object, options.dryRun), () => kube.applyStatus(object, options)),
    patchStatus: (ref, namespace, name, patch, options) =>
      observe(`writing ${ref.kind}/${name}`, () => kube.patchStatus(ref, namespace, name, patch, options)),
    setStatusFields: (ref, namespace, name, fields, options) =>
      observe(`writing ${ref.kind}/${name}`, () => kube.setStatusFields(ref, namespace, name, fields, options)),
    mergePatch: (ref, namespace, name, patch, options) =>
      observe(`changing ${ref.kind}/${name}`, () => kube.mergePatch(ref, namespace, name, patch, options)),
    remove: (ref, namespace, name, options) =>
      observe(`removing ${ref.kind}/${name}`, () => kube.remove(ref, namespace, name, options)),
    evict: (namespace, name, options) => observe(`evicting Pod/${name}`, () => kube.evict(namespace, name, options)),
    missingAccess: (checks, options) => observe('asking for its rights', () => kube.missingAccess(checks, options)),
    version: () => observe('asking for its version', () => kube.version()),
    apiVersions: () => observe('asking for its kinds', () => kube.apiVersions()),
    serverTime: () => kube.serverTime(),
    watch: (options) => kube.watch(options),
    close: () => kube.close(),
  };
}
