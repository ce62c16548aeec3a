import {
  chartHookOf,
  chartWaveOf,
  containersOf,
  fieldAt,
  imagesOf,
  isOwnRole,
  JOB_TTL,
  normalizeImage,
  podSpecOf,
  problemOfBinding,
  rightsOfRole,
  undeclaredPodSettings,
  type Release,
  WAVE_ANNOTATION,
  type RenderedObject,
  isRecord,
} from '@steward/shared';
import type { Severity } from '../findings/finding.ts';
import { objectName } from '../render/rendered-set.ts';
import { groupOf, kindOf } from './kinds.ts';

/** Something wrong with one rendered object. */
export interface ObjectProblem {
  severity: Severity;
  code: string;
  message: string;
  action: string;
}

export interface CheckContext {
  /** The namespace it was rendered for. */
  namespace: string;
  exceptions: Release['exceptions'];
  ownServiceAccounts: ReadonlySet<string>;
  ownRoles: ReadonlySet<string>;
}

function problem(severity: Severity, code: string, message: string, action: string): ObjectProblem[] {
  return [{ severity, code, message, action }];
}

function checkKind(object: RenderedObject): ObjectProblem[] {
  const name = objectName(object);
  const customer =
    'Take it out of the chart, and describe in your installation guide what the customer applies before.';
  switch (kindOf(object).type) {
    case 'rbac':
      return problem(
        'error',
        'gives-rights',
        `${name} gives rights in the whole cluster; the agent may give none there`,
        customer,
      );
    case 'cluster':
      return problem(
        'error',
        'cluster-scoped',
        `${name} belongs to the whole cluster; the agent works in one namespace`,
        customer,
      );
    case 'custom':
      return problem(
        'warning',
        'custom-kind',
        `${name} is of ${groupOf(object.apiVersion) || object.apiVersion}, which is not part of Kubernetes`,
        'It works only where that is installed; say so in your installation guide.',
      );
    case 'namespaced':
      return [];
  }
}

function checkHooks(object: RenderedObject): ObjectProblem[] {
  const hook = chartHookOf(object);
  if (typeof hook !== 'string') return [];
  return problem('error', 'hook', `${objectName(object)}: ${hook}`, 'Correct its helm.sh/hook annotations.');
}

/** An object that belongs to a hook's moment goes by its weight. */
function checkWave(object: RenderedObject): ObjectProblem[] {
  const wave = chartWaveOf(object);
  if (typeof wave === 'string')
    return problem('error', 'wave', `${objectName(object)}: ${wave}`, `Write it as a text: ${WAVE_ANNOTATION}: "1".`);
  if (object.metadata.annotations?.[WAVE_ANNOTATION] === undefined || chartHookOf(object) === undefined) return [];
  return problem(
    'warning',
    'wave',
    `${objectName(object)} is a hook, for which ${WAVE_ANNOTATION} means nothing`,
    'Order hooks by helm.sh/hook-weight.',
  );
}

function checkTidying(object: RenderedObject): ObjectProblem[] {
  if (kindOf(object).type !== 'namespaced' || object.kind !== 'Job') return [];
  if (fieldAt(object, ['spec', JOB_TTL]) === undefined) return [];
  return problem(
    'note',
    'job-ttl',
    `${objectName(object)} has ${JOB_TTL}, which is left out when it is applied`,
    'A Job that has ended stays, since that shows that it ran; the next one of its name takes its place.',
  );
}

/** What a Role gives the agent must have itself, so it is signed; there is what no agent may have. */
function checkRoles(object: RenderedObject, { namespace, ownRoles }: CheckContext): ObjectProblem[] {
  if (!isOwnRole(object)) return [];
  const name = objectName(object);
  const rights = object.kind === 'Role' ? rightsOfRole(object) : [];
  const wrong =
    object.kind === 'Role' ? rights : (problemOfBinding(object, { namespace, roles: ownRoles }) ?? undefined);
  if (typeof wrong !== 'string') return [];
  return problem(
    'error',
    'gives-rights',
    `${name}: ${wrong}`,
    'Name each kind and verb, and Secrets by resourceNames; give only Roles of the chart to its own service accounts; or let the customer apply it.',
  );
}

function checkNamespace(object: RenderedObject, { namespace }: CheckContext): ObjectProblem[] {
  const own = object.metadata.namespace;
  if (own === undefined || own === namespace) return [];
  return problem(
    'error',
    'foreign-namespace',
    `${objectName(object)} is in the namespace ${own}; all of a service lives in its installation's namespace`,
    'Leave metadata.namespace out, or write {{ .Release.Namespace }}.',
  );
}

function checkImages(object: RenderedObject): ObjectProblem[] {
  return imagesOf(object).flatMap((image) => {
    const normal = normalizeImage(image);
    if (normal === undefined)
      return problem(
        'error',
        'image',
        `${objectName(object)}: "${image}" is not an image reference`,
        'Write it as registry/name:tag.',
      );
    if (!normal.endsWith(':latest')) return [];
    return problem(
      'warning',
      'image-latest',
      `${objectName(object)}: ${image} has no version`,
      'Name a version, so that people can see what runs. The release pins the digest in any case.',
    );
  });
}

const NEEDS_READINESS = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

function checkReadiness(object: RenderedObject): ObjectProblem[] {
  const pod = podSpecOf(object);
  if (!pod || !NEEDS_READINESS.has(object.kind)) return [];
  const main = containersOf({ containers: pod['containers'] });
  if (main.some((container) => isRecord(container['readinessProbe']))) return [];
  return problem(
    'warning',
    'no-readiness',
    `${objectName(object)} has no readinessProbe: a broken version counts as ready once its process runs`,
    'Give its main container a readinessProbe; upgrades wait for it, and roll back without it.',
  );
}

/** Everything that the agent would refuse in an object, and what makes upgrades of it less safe. */
export function checkObject(object: RenderedObject, context: CheckContext): ObjectProblem[] {
  const settings = undeclaredPodSettings(object, context.exceptions, context.ownServiceAccounts);
  return [
    ...checkKind(object),
    ...checkHooks(object),
    ...checkWave(object),
    ...checkTidying(object),
    ...checkRoles(object, context),
    ...checkNamespace(object, context),
    ...checkImages(object),
    ...checkReadiness(object),
    ...settings.flatMap((setting) =>
      problem(
        'error',
        'pod-setting',
        `${objectName(object)} asks for ${setting}`,
        'Do without it, or declare it under exceptions in steward.yaml, where the customer sees it.',
      ),
    ),
  ];
}
