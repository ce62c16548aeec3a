import * as Type from 'typebox';
import { compile } from '../schema.ts';

/** What a template asks the cluster for: one object, or without a name all of that kind in the namespace. */
export interface Lookup {
  /** `v1`, `apps/v1` */
  apiVersion: string;
  kind: string;
  namespace: string;
  name: string;
}

/** How the template that is put into a chart's copy names what it was asked and had no answer for. */
const ASKED = /steward-lookup:(?<asked>[A-Za-z0-9+/=]+):/;
const TEMPLATE = 'steward.lookup';
const IN_ITS_PLACE = ` | include "${TEMPLATE}" | fromJson`;

const text = (maxLength: number): Type.TString => Type.String({ maxLength });
const decodeAsked = compile(Type.Tuple([text(317), text(64), text(253), text(253)]));

/** A lookup as a template asked for it; `key` tells it apart from others. */
export interface AskedLookup {
  key: string;
  /** Undefined: it gave something that is not four texts. */
  lookup: Lookup | undefined;
}

/** Which lookup without an answer ended a rendering, by what Helm said; undefined when something else did. */
export function askedLookup(said: string): AskedLookup | undefined {
  const asked = ASKED.exec(said)?.groups?.['asked'];
  if (asked === undefined) return undefined;
  const key = Buffer.from(asked, 'base64').toString('utf8');
  const decoded = decodeAsked(parsed(key));
  if (!decoded.ok) return { key, lookup: undefined };
  const [apiVersion, kind, namespace, name] = decoded.value;
  return { key, lookup: { apiVersion, kind, namespace, name } };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** The template that gives the answers there are, as JSON by {@link AskedLookup.key}, and ends the rendering for any other. */
export function lookupTemplate(answers: ReadonlyMap<string, string>): string {
  // A JSON text is a text constant of a template too, once it holds no half of a character.
  const known = JSON.stringify(JSON.stringify(Object.fromEntries(answers)).toWellFormed());
  return [
    `{{- define "${TEMPLATE}" -}}`,
    `{{- $answers := fromJson ${known} -}}`,
    '{{- $asked := toJson . -}}',
    '{{- if hasKey $answers $asked -}}{{- get $answers $asked -}}',
    '{{- else -}}{{- fail (printf "steward-lookup:%s:" (b64enc $asked)) -}}{{- end -}}',
    '{{- end -}}',
  ].join('');
}

/**
 * A template that asks {@link lookupTemplate} wherever it asked the cluster: `lookup A B C D` becomes
 * `list A B C D | include … | fromJson`, which may stand wherever the other did. All else stays as it is, to the byte.
 */
export function withoutLookup(template: string): string {
  if (!template.includes('lookup')) return template;
  let rewritten = '';
  let at = 0;
  for (;;) {
    const begin = template.indexOf('{{', at);
    if (begin === -1) return rewritten + template.slice(at);
    const action = actionAt(template, begin);
    rewritten += template.slice(at, begin) + action.text;
    at = action.end;
  }
}

/** Tokens of an action as `text/template` reads them; what is in texts and comments is none of ours. */
const TOKEN =
  /\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|[.$]?[\p{L}\p{N}_]+|\s+-\}\}|\}\}|[\s\S]/uy;

/** An action from its braces to its braces, rewritten. */
function actionAt(template: string, begin: number): { text: string; end: number } {
  const open: number[] = [];
  let depth = 0;
  let text = '{{';
  const token = new RegExp(TOKEN);
  token.lastIndex = begin + 2;
  for (let found = token.exec(template); found; found = token.exec(template)) {
    const [word] = found;
    const isEnd = word.endsWith('}}');
    const closes = isEnd || word === '|' || word === ')';
    if (closes && open.at(-1) === depth) {
      open.pop();
      text += IN_ITS_PLACE + (word === '|' ? ' ' : '');
    }
    if (word === '(') depth += 1;
    if (word === ')') depth -= 1;
    if (word === 'lookup') open.push(depth);
    text += word === 'lookup' ? 'list' : word;
    if (isEnd) return { text, end: token.lastIndex };
  }
  // Without an end it is no template: Helm says so.
  return { text: template.slice(begin), end: template.length };
}
