import { chartHookOf, chartWaveOf, readManifests, type ChartHook, type RenderedObject } from '@steward/shared';
import { nameOf } from '../../../kube/object.ts';
import { done, failed, type Outcome } from '../../outcome.ts';

/** What a chart rendered to: what stays applied, and what is only made at certain moments. */
export interface ParsedChart {
  objects: RenderedObject[];
  hooks: ChartHook[];
}

/** The objects in what `helm template` printed; tests are left out. Errors name the template and the line, never the text. */
export function parseManifests(text: string): Outcome<ParsedChart> {
  const read = readManifests(text);
  if (!read.ok) return failed(read.isTooLarge ? 'too-large' : 'render-failed', read.error);
  const parsed: ParsedChart = { objects: [], hooks: [] };
  for (const { object, template } of read.objects) {
    const hook = chartHookOf(object);
    const wave = chartWaveOf(object);
    const wrong = [hook, wave].find((found) => typeof found === 'string');
    if (wrong !== undefined || typeof hook === 'string')
      return failed('render-failed', `${nameOf(object)} in ${template}: ${wrong}`);
    if (hook) parsed.hooks.push(hook);
    else parsed.objects.push(object);
  }
  return done(parsed);
}
