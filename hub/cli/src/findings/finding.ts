import type { Output } from '../output/output.ts';
import { oneLine, type Paint, type Tint } from '../terminal/terminal.ts';

export type Severity = 'error' | 'warning' | 'note';

/** Where in the chart: a file inside it, with line and column from 1 where they are known. */
export interface Place {
  file: string;
  line?: number;
  column?: number;
}

/** Something to say about a chart. An error keeps it from being published. */
export interface Finding {
  severity: Severity;
  /** For programs; stays the same between versions. */
  code: string;
  message: string;
  /** What to do about it. */
  action?: string;
  place?: Place;
}

/** Collects findings; the same one is kept once, however often a variant shows it again. */
export class Findings {
  readonly items: Finding[] = [];
  private readonly seen = new Set<string>();

  add(
    severity: Severity,
    code: string,
    message: string,
    more: { action?: string; place?: Place | undefined } = {},
  ): void {
    const { action, place } = more;
    const key = JSON.stringify([severity, code, message, place]);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.items.push({ severity, code, message, ...(action ? { action } : {}), ...(place ? { place } : {}) });
  }

  get hasErrors(): boolean {
    return this.count('error') > 0;
  }

  count(severity: Severity): number {
    return this.items.filter((item) => item.severity === severity).length;
  }

  /** Errors first, then by place. */
  sorted(): Finding[] {
    const rank: Record<Severity, number> = { error: 0, warning: 1, note: 2 };
    const placeOf = ({ place }: Finding): [string, number] => [place?.file ?? '', place?.line ?? 0];
    return this.items.toSorted((a, b) => {
      const [fileA, lineA] = placeOf(a);
      const [fileB, lineB] = placeOf(b);
      return rank[a.severity] - rank[b.severity] || fileA.localeCompare(fileB) || lineA - lineB;
    });
  }
}

const TINTS: Record<Severity, Tint> = { error: 'red', warning: 'yellow', note: 'cyan' };

function placeText(place: Place | undefined): string {
  if (!place) return '';
  return `${[place.file, place.line, place.column].filter((part) => part !== undefined).join(':')}: `;
}

/** `steward.yaml:12:5: error: … [code]`, then what to do, indented: editors and CI jump to the place. */
export function findingLines(findings: readonly Finding[], paint: Paint): string[] {
  return findings.flatMap((finding) => {
    const head = `${placeText(finding.place)}${paint(`${finding.severity}:`, TINTS[finding.severity])} ${oneLine(finding.message)}`;
    const code = paint(`[${finding.code}]`, 'dim');
    return [`${head} ${code}`, ...(finding.action ? [`    ${oneLine(finding.action)}`] : [])];
  });
}

export function writeFindings(output: Output, findings: Findings): void {
  if (output.isTable) output.lines(findingLines(findings.sorted(), output.paint));
  else output.data(findings.sorted());
}
