import { WATCHED } from '../../collect/namespace-objects.ts';
import type { ClaimMaker } from '../../collect/objects/storage.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { listAllowed } from '../adopt/listable-kinds.ts';
import type { Run } from '../operation/run/run.ts';
import { LostSetError } from '../render/render-store.ts';
import { makersIn, mergedMakers } from './claim-makers.ts';
import { whoseClaims, type WhoseClaims } from './whose-claims.ts';

/** The volume claims of an installation's namespace, and whose they are; `also`: what is about to be the installation's. */
export async function loadClaims(
  run: Run,
  signal: AbortSignal,
  also: { inventory: readonly InventoryEntry[]; makers: readonly ClaimMaker[] } = { inventory: [], makers: [] },
): Promise<WhoseClaims> {
  const { context, installation } = run;
  const { kube } = context;
  const { namespace, status } = installation;
  const refs = [WATCHED.PersistentVolumeClaim.ref, WATCHED.StatefulSet.ref];
  const [[claims = [], sets], makers] = await Promise.all([
    listAllowed(kube, refs, { namespace, signal }),
    loadMakers(run),
  ]);
  const inventory = [...status.inventory, ...also.inventory];
  return whoseClaims({ claims, sets, inventory, makers: mergedMakers(makers, also.makers) });
}

/** As written down; of an installation of before that was done, what its stored sets tell. */
export async function loadMakers({ context, installation }: Run): Promise<ClaimMaker[]> {
  const { claimMakers, history } = installation.status;
  if (claimMakers) return claimMakers;
  let makers: ClaimMaker[] = [];
  for (const { renderRef } of history)
    try {
      makers = mergedMakers(makers, makersIn((await context.renders.load(renderRef)).objects));
    } catch (error) {
      if (!(error instanceof LostSetError)) throw error;
      context.log.warn('volumes of a stored set that is gone are not known', {
        installation: installation.name,
        error,
      });
    }
  return makers;
}

/** Written before what made them goes: a kill in between forgets none. */
export async function rememberMakers({ context, installation }: Run, makers: readonly ClaimMaker[]): Promise<void> {
  const { status, name } = installation;
  const claimMakers = mergedMakers(status.claimMakers ?? [], makers);
  if (JSON.stringify(claimMakers) === JSON.stringify(status.claimMakers ?? [])) return;
  await context.installations.write(name, { claimMakers });
  status.claimMakers = claimMakers;
}
