import { Document, isMap, isSeq, isScalar, type Node } from 'yaml';
import { commentOf, type KubeManifest } from './kube-manifest.ts';

/** The objects as one YAML file for people to read and for `kubectl apply -f -`, with the comments that {@link withComment} attached. */
export function manifestYaml(objects: readonly KubeManifest[]): string {
  return objects
    .map((object) => {
      const document = new Document(object, { aliasDuplicateObjects: false });
      document.commentBefore = asComment(commentOf(object)) ?? null;
      annotate(object, document.contents);
      makeCompact(document.contents, object.kind === 'CustomResourceDefinition');
      return document.toString({ lineWidth: 0, directives: false, flowCollectionPadding: false });
    })
    .join('---\n');
}

function annotate(value: unknown, node: unknown): void {
  if (Array.isArray(value) && isSeq<Node>(node)) {
    for (const [index, item] of value.entries()) {
      const child = node.items[index];
      const comment = asComment(commentOf(item));
      if (child && comment !== undefined) child.commentBefore = comment;
      annotate(item, child);
    }
  } else if (typeof value === 'object' && value !== null && isMap(node)) {
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      annotate(value[key as keyof typeof value], pair.value);
    }
  }
}

const MAX_COMPACT_LENGTH = 100;

/** Lists of words on one line; in schemas also the leaves, which would make the file three times as long. */
function makeCompact(node: unknown, withMaps: boolean): void {
  if (!isSeq<Node>(node) && !isMap<Node, Node>(node)) return;
  const children = isMap<Node, Node>(node) ? node.items.map((pair) => pair.value) : node.items;
  const isLeaf = children.length > 0 && children.every((child) => isScalar(child) && child.commentBefore == null);
  if (isLeaf && (isSeq(node) || withMaps)) node.flow = JSON.stringify(node).length <= MAX_COMPACT_LENGTH;
  for (const child of children) makeCompact(child, withMaps);
}

function asComment(text: string | undefined): string | undefined {
  return text?.replaceAll(/^/gm, ' ');
}
