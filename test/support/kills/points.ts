export const VICTIMS = ['agent', 'kube-apiserver', 'hub', 'helm'] as const;
export type Victim = (typeof VICTIMS)[number];

/** The life of one installation, in order: each operation goes on where the one before ended. */
export const LIFE = ['install', 'upgrade', 'bad upgrade', 'rollback', 'uninstall'] as const;
export type Stage = (typeof LIFE)[number];

/**
 * When somebody dies. `journal`: the agent has begun that phase, by its journal, and has not heard yet that this is written. `change`: the agent's n-th change of the cluster; `commit`: the hub's n-th; `phase`: the journal says so, and some time
 * has gone by; `render`: helm has been started, and some time has gone by.
 */
export type Moment =
  | { at: 'journal'; phase: string }
  | { at: 'change' | 'commit'; number: number; side: 'before' | 'after' }
  | { at: 'phase'; phase: string; afterMs: number }
  | { at: 'render'; afterMs: number };

export interface Point {
  stage: Stage;
  victim: Victim;
  moment: Moment;
  /** How long it stays dead. The API server's supervisor does not wait. */
  downMs: number;
  /** Who dies in the same moment. */
  also?: readonly Exclude<Victim, 'helm'>[];
  /** The agent dies once more, after so many changes of its next life. */
  again?: number;
}

/** What an operation does when nobody dies. */
export interface Calm {
  changes: number;
  commits: number;
  phases: readonly string[];
  renders: boolean;
}

const DEPLOYS = ['verify', 'plan', 'apply', 'roll-out'];

/**
 * The steps of each operation, so that a seed always gives the same points; a test compares them with a life in which
 * nobody dies. Some of the commits are reports of health: how many is a matter of time.
 */
export const STEPS: Record<Stage, Calm> = {
  install: { changes: 27, commits: 30, phases: [...DEPLOYS, 'settle', 'post-hooks', 'done'], renders: true },
  upgrade: { changes: 25, commits: 28, phases: [...DEPLOYS, 'pre-hooks', 'settle', 'done'], renders: true },
  'bad upgrade': { changes: 36, commits: 40, phases: [...DEPLOYS, 'pre-hooks', 'roll-back', 'done'], renders: true },
  rollback: { changes: 16, commits: 22, phases: [...DEPLOYS, 'settle', 'done'], renders: false },
  uninstall: { changes: 22, commits: 14, phases: [...DEPLOYS, 'done'], renders: false },
};

/** Of ten points each. */
const SHARES: Record<Victim, number> = { agent: 4, 'kube-apiserver': 2, hub: 3, helm: 1 };
const LONGEST_WAIT_MS = 400;
/** A render takes some 60 ms. */
const LONGEST_RENDER_WAIT_MS = 50;
const LONGEST_DOWN_MS = 1_500;

export type Random = () => number;

/** Park and Miller's generator: the same seed gives the same points. */
export function createRandom(seed: number): Random {
  let state = (seed % 2_147_483_646) + 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** So many lives, each with one point for every stage. Each victim's steps are gone through before any comes again. */
export function drawLives(count: number, seed: number): Point[][] {
  const random = createRandom(seed);
  const byStage = LIFE.map((stage) => drawStage(count, stage, random));
  return Array.from({ length: count }, (_, life) => byStage.flatMap((points) => points[life] ?? []));
}

/** The same, but at each point somebody else dies too, or the agent does once more. */
export function drawPairs(count: number, seed: number): Point[][] {
  const random = createRandom(seed + 1);
  let deck: Company[] = [];
  return drawLives(count, seed).map((points) =>
    points.map((point) => {
      const fits = ({ also = [] }: Company): boolean => also.every((victim) => victim !== point.victim);
      if (!deck.some(fits)) deck = shuffled(COMPANIES, random);
      const company = deck.find(fits) ?? { again: 1 };
      deck = deck.filter((other) => other !== company);
      return { ...point, ...company };
    }),
  );
}

type Company = Pick<Point, 'also' | 'again'>;
const COMPANIES: readonly Company[] = [
  { again: 1 },
  { again: 2 },
  { again: 4 },
  { also: ['agent'] },
  { also: ['agent', 'kube-apiserver'] },
  { also: ['hub'] },
  { also: ['hub'], again: 1 },
  { also: ['kube-apiserver'] },
  { also: ['kube-apiserver'], again: 2 },
];

function drawStage(count: number, stage: Stage, random: Random): Point[] {
  const calm = STEPS[stage];
  const decks = VICTIMS.map((victim) => ({ victim, deck: shuffled(momentsOf(victim, calm), random) }));
  const usable = decks.filter(({ deck }) => deck.length > 0);
  const shares = usable.reduce((sum, { victim }) => sum + SHARES[victim], 0);
  const points = usable.flatMap(({ victim, deck }) =>
    // One more than its share, for what rounding leaves.
    Array.from({ length: Math.floor((count * SHARES[victim]) / shares) + 1 }, (_, index) => ({
      stage,
      victim,
      moment: waiting(deck[index % deck.length] as Moment, random),
      downMs: Math.floor(random() * LONGEST_DOWN_MS),
    })),
  );
  return shuffled(points, random).slice(0, count);
}

/** Another moment of the same victim in the same stage, for one that did not come. */
export function spareFor(point: Point, random: Random): Point {
  const { stage, victim, moment } = point;
  const all = momentsOf(victim, STEPS[stage]);
  const isSame = (one: Moment): boolean =>
    JSON.stringify({ ...one, afterMs: 0 }) === JSON.stringify({ ...moment, afterMs: 0 });
  const others = all.filter((one) => !isSame(one));
  const [spare = moment] = shuffled(others.length > 0 ? others : all, random);
  return { ...point, moment: waiting(spare, random), downMs: Math.floor(random() * LONGEST_DOWN_MS) };
}

/** As few lives as hold these points, each with one for a stage at most. */
export function livesOf(points: readonly Point[]): Point[][] {
  const lives: Point[][] = [];
  for (const point of points) {
    const free = lives.find((life) => life.every(({ stage }) => stage !== point.stage));
    if (free) free.push(point);
    else lives.push([point]);
  }
  return lives;
}

/** Every step at which this victim can die. */
function momentsOf(victim: Victim, calm: Calm): Moment[] {
  const phases = calm.phases.map((phase): Moment => ({ at: 'phase', phase, afterMs: 0 }));
  const render: Moment[] = calm.renders ? [{ at: 'render', afterMs: 0 }] : [];
  const changes = bothSides('change', calm.changes);
  if (victim === 'agent') return [...changes, ...phases, ...render];
  if (victim === 'kube-apiserver') return [...changes, ...phases];
  if (victim === 'hub') return [...bothSides('commit', calm.commits), ...phases];
  return render;
}

function bothSides(at: 'change' | 'commit', count: number): Moment[] {
  return Array.from({ length: count }, (_, index) => index + 1).flatMap((number) => [
    { at, number, side: 'before' as const },
    { at, number, side: 'after' as const },
  ]);
}

function waiting(moment: Moment, random: Random): Moment {
  if (moment.at === 'phase') return { ...moment, afterMs: Math.floor(random() * LONGEST_WAIT_MS) };
  if (moment.at === 'render') return { ...moment, afterMs: Math.floor(random() * LONGEST_RENDER_WAIT_MS) };
  return moment;
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as T);
}

/** `agent before change 3 of the upgrade`, `hub with agent …, agent again after 2 changes`. */
export function wordsOf({ stage, victim, moment, also = [], again }: Point): string {
  const who = [victim, ...also].join(' with ');
  const more = again === undefined ? '' : `, agent again after ${again} changes`;
  if (moment.at === 'journal') return `${who} at the beginning of ${moment.phase} of the ${stage}${more}`;
  if (moment.at === 'phase') return `${who} ${moment.afterMs} ms into ${moment.phase} of the ${stage}${more}`;
  if (moment.at === 'render') return `${who} ${moment.afterMs} ms into the rendering of the ${stage}${more}`;
  return `${who} ${moment.side} ${moment.at} ${moment.number} of the ${stage}${more}`;
}
