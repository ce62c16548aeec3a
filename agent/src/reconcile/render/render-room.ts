import { Slots } from './slots.ts';

/**
 * What all renders of one agent share, so that however many come at once they fit beside the agent into the memory of
 * its pod. Whoever holds a slot of `renders` may take `large`, never the other way round.
 */
export class RenderRoom {
  /** A render from the download of its chart to its stored set. */
  readonly renders = new Slots(2);
  /** A child or a thread that needs much. */
  readonly large = new Slots(1);
}
