import * as Type from 'typebox';
import type { Static } from 'typebox';
import { KindDefinition } from '../chart/definitions.ts';
import { HOOK_EVENTS, type HookEvent } from '../chart/hooks.ts';
import { ChartPlace } from '../registry/chart-place.ts';
import { ReleaseMetrics } from './metrics.ts';
import { ReleaseRemedies } from '../remedies/offers.ts';

/** DSSE payload type of a signed release. */
export const RELEASE_PAYLOAD_TYPE = 'application/vnd.steward.release.v1+json';

export const Digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' });
export const SLUG_PATTERN = '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$';
export const Slug = Type.String({
  pattern: SLUG_PATTERN,
  description: 'lower-case letters, digits, dashes; 1 to 40',
});

/** A name that Helm takes for a release. */
export const ReleaseName = Type.String({
  maxLength: 53,
  pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
});

/** An image the release may run: the reference as charts write it (fully qualified, with tag), and the digest it is pinned to. */
export const ReleaseImage = Type.Object({
  reference: Type.String({ maxLength: 500, description: 'docker.io/library/nats:2.15.0' }),
  digest: Digest,
});
export type ReleaseImage = Static<typeof ReleaseImage>;

/** A right the agent needs in the installation's namespace. Never a wildcard. */
export const ReleasePermission = Type.Object({
  apiGroup: Type.String({ maxLength: 253, pattern: '^[^*]*$' }),
  apiVersion: Type.String({ maxLength: 64 }),
  kind: Type.String({ maxLength: 64 }),
  /** `pods`, or a part of it that a Role of the chart gives: `pods/log` */
  resource: Type.String({ maxLength: 64, pattern: '^[a-z]+(/[a-z]+)?$' }),
  verbs: Type.Array(
    Type.Unsafe<'get' | 'list' | 'watch' | 'create' | 'patch' | 'update' | 'delete'>({
      type: 'string',
      enum: ['get', 'list', 'watch', 'create', 'patch', 'update', 'delete'],
    }),
    { minItems: 1 },
  ),
  /** Set where RBAC can hold the names (Secrets): the exact objects. `${installation}` stands for the installation's name. */
  names: Type.Optional(Type.Array(Type.String({ maxLength: 253 }))),
  reason: Type.String({ maxLength: 300 }),
});
export type ReleasePermission = Static<typeof ReleasePermission>;

/** The right to evict pods, of a release with workloads that leave it to others to replace them. */
export const EVICTIONS = 'pods/eviction';

/** Things a pod of this release may do that are refused unless they are declared here (and so signed and shown). */
export const ReleaseExceptions = Type.Object({
  hostNetwork: Type.Optional(Type.Boolean()),
  hostPath: Type.Optional(Type.Array(Type.String({ maxLength: 300 }))),
  privileged: Type.Optional(Type.Boolean()),
  capabilities: Type.Optional(Type.Array(Type.String({ maxLength: 64 }))),
  serviceAccounts: Type.Optional(Type.Array(Type.String({ maxLength: 253 }))),
});

/** A named setting that support may move between bounds: the value path it sets, and the bounds. */
export const ReleaseKnob = Type.Object({
  name: Slug,
  title: Type.String({ maxLength: 100 }),
  path: Type.String({ maxLength: 200, description: 'dotted path in the chart values' }),
  minimum: Type.Optional(Type.Number()),
  maximum: Type.Optional(Type.Number()),
  options: Type.Optional(Type.Array(Type.String({ maxLength: 200 }))),
  unit: Type.Optional(Type.String({ maxLength: 40 })),
});

/** An HTTP address of the service that answers with 2xx while it does its work. `${installation}` in `service` stands for the installation's name. */
export const ReleaseProbe = Type.Object({
  name: Slug,
  title: Type.Optional(Type.String({ maxLength: 100 })),
  service: Type.String({ minLength: 1, maxLength: 253 }),
  port: Type.Union([Type.Integer({ minimum: 1, maximum: 65_535 }), Type.String({ maxLength: 63 })]),
  path: Type.Optional(Type.String({ maxLength: 500 })),
});

/**
 * An object of which some fields are made once: a chart that makes them up (`randAlphaNum`, `genCA`, `now`) makes others at
 * each render, and the agent keeps those of the last good generation. Without `fields` all of its content is kept.
 */
export const ReleaseGenerated = Type.Object({
  kind: Type.String({ minLength: 1, maxLength: 64 }),
  name: Type.String({ minLength: 1, maxLength: 253, description: '`${installation}` stands for its name' }),
  fields: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 300, description: 'data["tls.crt"]' }), {
      minItems: 1,
      maxItems: 100,
    }),
  ),
});
export type ReleaseGenerated = Static<typeof ReleaseGenerated>;

/** A hook of the chart, so that people see what will run and when. `${installation}` stands for the installation's name. */
export const ReleaseHook = Type.Object({
  object: Type.String({ maxLength: 320, description: 'Job/${installation}-migrate' }),
  events: Type.Array(Type.Unsafe<HookEvent>({ type: 'string', enum: [...HOOK_EVENTS] }), { minItems: 1, maxItems: 8 }),
});
export type ReleaseHook = Static<typeof ReleaseHook>;

/** What becomes of fields that somebody else changed, as the vendor wants it; the customer's policy has the last word. */
export const ReleaseDrift = Type.Object({
  mode: Type.Optional(
    Type.Unsafe<'repair' | 'report'>({
      type: 'string',
      enum: ['repair', 'report'],
      default: 'repair',
      description: 'repair: put right what somebody else changed; report: only tell it.',
    }),
  ),
  /** Fields that others may set after the installation: neither repaired nor set anew by an upgrade once somebody else has. */
  ignore: Type.Optional(
    Type.Array(
      Type.Object({
        kind: Type.String({ minLength: 1, maxLength: 64 }),
        name: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 253,
            description: "`${installation}` stands for the installation's name; absent: every object of the kind",
          }),
        ),
        fields: Type.Array(
          Type.String({ minLength: 1, maxLength: 300, description: 'spec.template.spec.containers[web].resources' }),
          { minItems: 1, maxItems: 50 },
        ),
      }),
      { maxItems: 50 },
    ),
  ),
});
export type ReleaseDrift = Static<typeof ReleaseDrift>;

export const ReleaseUpgradeRules = Type.Object({
  /** SemVer range of versions this release may replace. */
  from: Type.Optional(Type.String({ maxLength: 200 })),
  /** From acceptance until everything is ready. */
  deadlineSeconds: Type.Integer({ minimum: 10, maximum: 86_400, default: 600 }),
  /** How long everything must stay ready before the operation is done. */
  settleSeconds: Type.Integer({ minimum: 0, maximum: 3_600, default: 5 }),
  /**
   * `safe`: going back after a hook of this release has run needs no person. Otherwise a hook of an upgrade (a migration) is
   * a point of no return: a failed upgrade stays as it is until somebody decides.
   */
  rollback: Type.Optional(Type.Unsafe<'safe' | 'ask'>({ type: 'string', enum: ['safe', 'ask'] })),
  /** Kinds whose objects an upgrade may delete and make anew where a field cannot change in place. Never what holds data. */
  replace: Type.Optional(
    Type.Array(
      Type.String({
        maxLength: 64,
        pattern: '^(?!PersistentVolume|Namespace$|CustomResourceDefinition$)[A-Z][A-Za-z0-9]*$',
      }),
      { maxItems: 20 },
    ),
  ),
});

/**
 * What the vendor signs. A reader that does not know a field ignores it, so every field that limits
 * what may run must come with a raised `minimumAgentVersion`.
 */
export const Release = Type.Object({
  kind: Type.Literal('steward.dev/release/v1'),
  service: Slug,
  version: Type.String({ maxLength: 100, description: 'SemVer' }),
  /** Rises with every release of this service that is signed with this key. */
  counter: Type.Integer({ minimum: 1 }),
  createdAt: Type.String({ format: 'date-time' }),
  expiresAt: Type.Optional(Type.String({ format: 'date-time' })),
  chart: Type.Object({
    name: Type.String({ maxLength: 200 }),
    version: Type.String({ maxLength: 100 }),
    digest: Digest,
    bytes: Type.Integer({ minimum: 1 }),
    /** The registry that has it as a blob, when the hub does not. An agent that does not know this asks the hub, which has none. */
    oci: Type.Optional(ChartPlace),
  }),
  images: Type.Array(ReleaseImage, { maxItems: 200 }),
  /** JSON Schema (closed) of the values that the hub may set; `{"type":"object","additionalProperties":false}` for none. */
  parameters: Type.Unsafe<Record<string, unknown>>({ type: 'object' }),
  /** Names of top-level or dotted parameters shown first; at most five. */
  basicParameters: Type.Array(Type.String({ maxLength: 200 }), { maxItems: 5 }),
  /** Parameters, as dotted paths, that no later change may make another. */
  onlyAtInstall: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 100 })),
  permissions: Type.Array(ReleasePermission, { maxItems: 100 }),
  exceptions: ReleaseExceptions,
  /** Kinds of the chart's own, which the customer applies with the grant. */
  definitions: Type.Optional(Type.Array(Type.Unsafe<KindDefinition>(KindDefinition), { maxItems: 100 })),
  knobs: Type.Array(ReleaseKnob, { maxItems: 50 }),
  remedies: Type.Optional(ReleaseRemedies),
  /** Declared by the vendor, shown with the release. */
  probes: Type.Optional(Type.Array(ReleaseProbe, { maxItems: 20 })),
  /** What is measured of the service and sent to the hub. */
  metrics: Type.Optional(ReleaseMetrics),
  /** What is made at the first render and stays as it is at later ones. */
  generateOnce: Type.Optional(Type.Array(ReleaseGenerated, { maxItems: 50 })),
  hooks: Type.Optional(Type.Array(ReleaseHook, { maxItems: 100 })),
  upgrade: ReleaseUpgradeRules,
  drift: Type.Optional(ReleaseDrift),
  display: Type.Object({
    name: Type.String({ maxLength: 100 }),
    summary: Type.Optional(Type.String({ maxLength: 500 })),
    notes: Type.Optional(Type.String({ maxLength: 10_000 })),
  }),
  minimumAgentVersion: Type.String({ maxLength: 40 }),
  /** SemVer range of Kubernetes versions. */
  kubernetes: Type.String({ maxLength: 100 }),
});
export type Release = Static<typeof Release>;

/** A DSSE envelope. `keyid` is the fingerprint of the public key; the payload is base64 of the exact bytes that were signed. */
export const ReleaseEnvelope = Type.Object({
  payloadType: Type.Literal(RELEASE_PAYLOAD_TYPE),
  payload: Type.String(),
  signatures: Type.Array(Type.Object({ keyid: Digest, sig: Type.String() }), { minItems: 1, maxItems: 4 }),
});
export type ReleaseEnvelope = Static<typeof ReleaseEnvelope>;

/** A release key as the hub stores it and an install manifest pins it. `publicKey` is base64 of the 32 raw bytes; the fingerprint is sha256 over those bytes. */
export const ReleaseKey = Type.Object({
  fingerprint: Digest,
  publicKey: Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' }),
});
export type ReleaseKey = Static<typeof ReleaseKey>;
