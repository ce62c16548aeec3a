import type { Cluster, Installation, Operation } from '@steward/shared';
import { ApiError, loadAll } from './api.ts';
import { element, keepChildren, KeptNodes, part } from './element.ts';
import { followFeed } from './feed.ts';
import { Fleet, sortedInstallations, summary } from './fleet.ts';
import { clusterView, installationView } from './view.ts';

const RETRY_MS = 3_000;

async function loadRows() {
  const [clusters, installations, operations] = await Promise.all([
    loadAll<Cluster>('/clusters'),
    loadAll<Installation>('/installations'),
    loadAll<Operation>('/operations'),
  ]);
  return { clusters, installations, operations };
}

/** Whether the hub may answer later: it is away or overloaded, and has not refused. */
function isPassing(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}

/** Tries again until it works or is over; `onFailure` hears why not yet. @throws what will not pass by waiting */
export async function untilAnswered<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  onFailure: (error: ApiError) => void,
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) throw error;
      onFailure(error);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  return undefined;
}

interface List {
  title: string;
  /** Beside the title. */
  said: string;
  cards: readonly HTMLElement[];
  /** Said where there are no cards. */
  empty: string;
}

function list({ title, said, cards, empty }: List, kept: KeptNodes): HTMLElement[] {
  const heading = kept.take(`heading ${title}`, said, (text) =>
    element('div', { class: 'row' }, element('h2', {}, title), element('span', { class: 'muted' }, text)),
  );
  const none = kept.take(`empty ${title}`, empty, (text) => element('p', { class: 'muted' }, text));
  return [heading, ...(cards.length > 0 ? cards : [none])];
}

function render(fleet: Fleet, kept: KeptNodes): void {
  const installations = sortedInstallations(fleet);
  const clusters = [...fleet.clusters.values()].sort((a, b) => a.name.localeCompare(b.name));
  const said = summary(installations);
  document.title = said ? `${said} · Steward` : 'Steward';
  const shown = {
    title: 'Installations',
    said,
    cards: installations.map((installation) =>
      kept.take(
        `installation ${installation.id}`,
        { installation, operation: fleet.operations.get(installation.id) },
        installationView,
      ),
    ),
    empty: 'None yet. Create one with: steward install SERVICE --cluster CLUSTER',
  };
  const below = {
    title: 'Clusters',
    said: '',
    cards: clusters.map((cluster) => kept.take(`cluster ${cluster.id}`, cluster, clusterView)),
    empty: 'None yet. Create one with: steward cluster create NAME --customer CUSTOMER',
  };
  keepChildren(part('main'), [...list(shown, kept), ...list(below, kept)]);
  kept.endRound();
}

/** Shows the fleet and keeps it true until the signal ends it. @throws ApiError when the session is no longer valid */
export async function showFleet(signal: AbortSignal): Promise<void> {
  const fleet = new Fleet();
  const kept = new KeptNodes();
  const expired = Promise.withResolvers<never>();
  let isDue = false;
  let isLoaded = false;
  const draw = (): void => {
    if (isDue || !isLoaded) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (!signal.aborted) render(fleet, kept);
    });
  };
  let connection = '';
  const say = (text: string): void => {
    if (!signal.aborted) part('feed').textContent = text;
  };
  const reload = (): void => {
    untilAnswered(
      () => fleet.reload(loadRows),
      signal,
      (error) => say(error.message),
    ).then(() => {
      isLoaded = true;
      say(connection);
      draw();
    }, expired.reject);
  };
  const following = followFeed({
    signal,
    onState: (state, refusal = 'reconnecting …') => {
      connection = state === 'live' ? 'live' : refusal;
      say(connection);
      // What changed before the first event of a new stream is in the lists.
      if (state === 'live') reload();
    },
    onEvent: (event) => {
      if (event.type === 'reset') reload();
      else fleet.apply(event);
      draw();
    },
  });
  await Promise.race([following, expired.promise]);
}
