import { sentences } from '../../../sentences.ts';
import type { Run } from './run.ts';

/** What an operation says before this life of the agent does anything about it. */
export async function sayFirst(run: Run): Promise<void> {
  const { altered, status } = run.record;
  if (status.revision === 0) await accept(run);
  else if (altered) await sayAltered(run, altered);
}

async function accept(run: Run): Promise<void> {
  const { requestedBy, reason } = run.record.spec.desired.operation;
  const because = reason === undefined ? '' : `: ${reason}`;
  await run.move({
    state: 'accepted',
    phase: 'verify',
    message: `accepted: ${run.title}, asked for by ${requestedBy}${because}`,
  });
}

/** Somebody wrote into its status that it is something else, perhaps over: nothing ends and nothing begins by that. */
async function sayAltered(run: Run, to: Pick<Run['record']['status'], 'state' | 'phase'>): Promise<void> {
  const { name, status } = run.record;
  const { state, phase, message } = status;
  const what = `Somebody changed the status of ${name} to ${to.state} (${to.phase}). What its transitions say counts`;
  // What was said last may be a question, with the commands that answer it.
  await run.move({ state, phase, message: sentences(what, message) });
}
