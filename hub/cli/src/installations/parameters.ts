import { isRecord } from '@steward/shared';
import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, usageError } from '../cli-error.ts';
import { Findings } from '../findings/finding.ts';
import { collect } from '../program/command.ts';
import { YamlSource } from '../steward-yaml/yaml-source.ts';
import { mergeValues, parseSetting, withoutValue, withValue, type Values } from '../values-path.ts';

/** Flags that say which parameters an installation shall have. */
export interface ParameterOptions {
  set?: string[];
  unset?: string[];
  parameters?: string;
}

export function withParameterOptions(command: Command): Command {
  return command
    .option(
      '--set <path=value>',
      'set a parameter; 3 is a number, true a switch, 2.10 and "3" are texts (repeatable)',
      collect,
    )
    .option('--parameters <file>', 'lay the parameters of a YAML or JSON file over those there are');
}

async function loadParameters(path: string): Promise<Values> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw usageError(`cannot read the parameters: ${messageOf(error)}`);
  });
  const findings = new Findings();
  const source = YamlSource.parse(path, text, findings);
  if (!source) {
    const [{ message, place } = { message: 'it is not YAML' }] = findings.items;
    const where = place?.line === undefined ? path : `${path}:${place.line}:${place.column ?? 1}`;
    throw usageError(`cannot read the parameters: ${where}: ${message}`);
  }
  const values: unknown = source.value ?? {};
  if (!isRecord(values)) throw usageError(`${path} is not a map of parameters`);
  return values;
}

/** @returns the parameters after all flags; undefined when no flag changes them */
export async function changedParameters(
  current: Values,
  options: ParameterOptions,
  cwd: string,
): Promise<Values | undefined> {
  const { set = [], unset = [], parameters } = options;
  if (set.length + unset.length === 0 && parameters === undefined) return undefined;
  let values =
    parameters === undefined ? current : mergeValues(current, await loadParameters(resolve(cwd, parameters)));
  for (const path of unset) values = withoutValue(values, path);
  for (const text of set) {
    const { path, value } = parseSetting(text);
    values = withValue(values, path, value);
  }
  return values;
}
