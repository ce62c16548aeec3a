import { differingFields, readManifests, type RenderedObject, type SourcedObject } from '@steward/shared';

const MAX_FIELDS = 20;

export type RenderedSet = { ok: true; objects: SourcedObject[] } | { ok: false; error: string; template?: string };

/** Reads what `helm template` printed as the agent does. Templates are named inside the chart: `templates/service.yaml`. */
export function readRendered(yaml: string): RenderedSet {
  const read = readManifests(yaml);
  if (!read.ok) return { ok: false, error: read.error, template: insideChart(read.template) };
  return {
    ok: true,
    objects: read.objects.map(({ object, template }) => ({ object, template: insideChart(template) })),
  };
}

function insideChart(template: string): string {
  return template.split('/').slice(1).join('/');
}

/** `StatefulSet/nats` */
export function objectName(object: RenderedObject): string {
  return `${object.kind}/${object.metadata.name}`;
}

/** An object that two renders with the same values print differently. */
export interface Unstable {
  object: RenderedObject;
  template: string;
  /** Where; empty when the other render has no such object, because its name differs too. */
  fields: string[];
}

/** What differs between two renders of the same chart with the same values. Values are not told. */
export function unstableObjects(first: SourcedObject[], second: SourcedObject[]): Unstable[] {
  const others = new Map(second.map(({ object }) => [objectName(object), object]));
  return first.flatMap(({ object, template }) => {
    const other = others.get(objectName(object));
    const fields = other ? differingFields(object, other, MAX_FIELDS) : [];
    return other && fields.length === 0 ? [] : [{ object, template, fields }];
  });
}
