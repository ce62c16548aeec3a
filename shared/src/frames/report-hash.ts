import { canonicalJson } from '../json.ts';
import { sha256 } from '../release/signing.ts';
import type { AgentFrameOf } from './frames.ts';

/** What the hash is over: the `set` of a full health and a full observed report, by installation id. */
export interface ReportView {
  health: AgentFrameOf<'health'>['b']['set'];
  observed: AgentFrameOf<'observed'>['b']['set'];
}

/** The `hash` of a heartbeat. Both sides compute it over their view; when they differ the hub asks with `resync`. */
export function reportHash(view: ReportView): string {
  return sha256(canonicalJson({ health: view.health, observed: view.observed }));
}
