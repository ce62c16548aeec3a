import {
  containerOf,
  offeredBy,
  problemOfSize,
  resizeOfferText,
  SIZE_FIELDS,
  type ContainerSize,
  type Installation,
  type Release,
  type ReleaseRemedies,
  type ResizeOffer,
} from '@steward/shared';
import { usageError } from '../cli-error.ts';

/** What a release lets support change, by the names that it has in an installation. */
export function offersOf(release: Release, { name, releaseName = name }: Installation): ReleaseRemedies {
  return offeredBy(release, releaseName);
}

/**
 * The whole name of a container that is offered: of `web` when the workload has one such, of `web/server`, or of
 * `Deployment/web/server`. @throws CliError that lists what there is
 */
export function offeredContainer(offers: readonly ResizeOffer[], wanted: string): string {
  const found = offers.filter((offer) =>
    [offer.name, `${offer.name}/${offer.container}`, `${offer.kind}/${offer.name}`, containerOf(offer)].includes(
      wanted,
    ),
  );
  const [only] = found;
  if (only && found.length === 1) return containerOf(only);
  if (only) throw usageError(`"${wanted}" is ${found.map(containerOf).join(' and ')}`, 'Say which of them.');
  if (offers.length === 0)
    throw usageError('this release does not offer to resize anything', 'The vendor lists containers in steward.yaml.');
  const known = offers.map(resizeOfferText).join('; ');
  throw usageError(`the release does not offer to resize "${wanted}"`, `It offers: ${known}.`);
}

/** The amounts that were given, inside what is offered. @throws CliError that says the bounds */
export function wantedSize(options: ContainerSize, container: string, offers: ResizeOffer[]): ContainerSize {
  const size = Object.fromEntries(
    SIZE_FIELDS.flatMap((field) => (options[field] === undefined ? [] : [[field, options[field]]])),
  ) as ContainerSize;
  if (Object.keys(size).length === 0)
    throw usageError(
      'to which size?',
      'Give --cpu-request, --cpu-limit, --memory-request, --memory-limit or --default.',
    );
  const problem = problemOfSize(container, size, { resize: offers });
  if (problem !== undefined) throw usageError(problem);
  return size;
}
