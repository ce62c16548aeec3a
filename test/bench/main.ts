import { machine, progress, type Figures } from './figures.ts';

/** One benchmark: prepares, measures, cleans up after itself, and answers its figures. */
export type Bench = () => Promise<Figures>;

const BENCHES: Record<string, () => Promise<{ bench: Bench }>> = {
  'push-latency': () => import('./push-latency.ts'),
  'health-latency': () => import('./health-latency.ts'),
  'idle-wire': () => import('./idle-wire.ts'),
  'agent-memory': () => import('./agent-memory.ts'),
  metrics: () => import('./metrics.ts'),
  'zero-downtime': () => import('./zero-downtime.ts'),
  start: () => import('./start.ts'),
};

async function runOne(name: string): Promise<boolean> {
  const load = BENCHES[name];
  if (!load) {
    progress(`there is no benchmark "${name}"; there are: ${Object.keys(BENCHES).join(', ')}, all`);
    return false;
  }
  let line: object;
  try {
    line = { bench: name, ok: true, figures: await (await load()).bench(), machine: machine() };
  } catch (error) {
    progress(error instanceof Error ? (error.stack ?? error.message) : String(error));
    line = { bench: name, ok: false, figures: {}, machine: machine() };
  }
  process.stdout.write(`${JSON.stringify(line)}\n`);
  return 'figures' in line && Object.keys(line.figures as object).length > 0;
}

const [name = 'list'] = process.argv.slice(2);
if (name === 'list') process.stdout.write(`${Object.keys(BENCHES).join('\n')}\n`);
else {
  const names = name === 'all' ? Object.keys(BENCHES) : [name];
  let isGood = true;
  for (const one of names) isGood = (await runOne(one)) && isGood;
  process.exit(isGood ? 0 : 1);
}
