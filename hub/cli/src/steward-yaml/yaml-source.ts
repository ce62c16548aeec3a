import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { Findings, type Place } from '../findings/finding.ts';

/** A path into a document: keys and indexes. */
export type DocumentPath = readonly (string | number)[];

/** A YAML (or JSON) file of a chart with the positions of what is in it. */
export class YamlSource {
  readonly file: string;
  readonly value: unknown;
  private readonly document: Document;
  private readonly lines: LineCounter;

  private constructor(file: string, document: Document, lines: LineCounter) {
    this.file = file;
    this.document = document;
    this.lines = lines;
    this.value = document.toJS({ maxAliasCount: 100 });
  }

  /** @returns undefined after telling why the text cannot be read */
  static parse(file: string, text: string, findings: Findings): YamlSource | undefined {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0]);
      findings.add('error', 'yaml', error.message, { place: { file, line, column: col } });
    }
    if (document.errors.length > 0) return undefined;
    try {
      return new YamlSource(file, document, lines);
    } catch (error) {
      findings.add('error', 'yaml', error instanceof Error ? error.message : String(error), { place: { file } });
      return undefined;
    }
  }

  /** The place of a value; of the nearest thing around it when there is none. */
  placeOf(path: DocumentPath): Place {
    for (let length = path.length; length >= 0; length -= 1) {
      const node: unknown = length === 0 ? this.document.contents : this.document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return this.at(node.range[0]);
    }
    return { file: this.file };
  }

  /** The place of a key, for "unknown field". */
  placeOfKey(path: DocumentPath, key: string): Place {
    const parent: unknown = path.length === 0 ? this.document.contents : this.document.getIn(path, true);
    if (!isMap(parent)) return this.placeOf(path);
    const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
    const name: unknown = pair?.key;
    return isScalar(name) && name.range ? this.at(name.range[0]) : this.placeOf(path);
  }

  private at(offset: number): Place {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line, column: col };
  }
}
