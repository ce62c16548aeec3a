import * as Type from 'typebox';
import type { Static } from 'typebox';
import { ChartPlace } from '../registry/chart-place.ts';
import { Digest, ReleaseImage, ReleaseName, Slug } from '../release/release.ts';
import { RunState } from '../run-state.ts';
import { Version } from './catalog.ts';
import { Namespace } from '../namespace.ts';
import { mapOf } from '../schema-map.ts';

/**
 * All that plain Helm needs to go on with what runs. The chart itself is beside it, at `installations/:id/chart`.
 */
export const InstallationExport = Type.Object({
  installation: Slug,
  cluster: Slug,
  customer: Slug,
  service: Slug,
  version: Version,
  releaseName: ReleaseName,
  namespace: Namespace,
  releaseDigest: Digest,
  chart: Type.Object({
    name: Type.String(),
    version: Type.String(),
    digest: Digest,
    bytes: Type.Integer(),
    /** It lies in this registry, under its digest, and not on the hub. */
    oci: Type.Optional(ChartPlace),
  }),
  parameters: mapOf(Type.Unknown()),
  images: Type.Array(ReleaseImage),
  /** What runs still names its images as the chart does, since it was adopted and not upgraded. Else by digest. */
  imagesAsAdopted: Type.Boolean(),
  /** Objects that the chart makes up anew at each render, as `Secret/orders-auth`: plain Helm does not keep what is in them. */
  madeUp: Type.Array(Type.String()),
  runState: Type.Optional(RunState),
});
export type InstallationExport = Static<typeof InstallationExport>;
