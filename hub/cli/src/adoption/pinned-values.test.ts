import { describe, expect, it } from 'vitest';
import { mergeValues, type Values } from '../values-path.ts';
import { pinnedValues } from './pinned-values.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const images = [
  { reference: 'docker.io/library/nats:2.15', digest },
  { reference: 'ghcr.io/acme/shop:1.0', digest },
];

/** As a chart would: which image its values make. */
const chart = (
  defaults: Values,
  imageOf: (values: never) => string[],
  labelOf: (values: never) => string = () => '',
) => ({
  defaults,
  images,
  render: async (values: Values) => {
    const all = mergeValues(defaults, values) as never;
    const rest = new Map([
      ['Deployment/web', labelOf(all)],
      ['Secret/made-up', String(Math.random())],
    ]);
    return { images: imageOf(all), rest };
  },
});

describe('values that pin the images of a chart', () => {
  it('are a reference as it is written', async () => {
    const one = chart({ image: 'nats:2.15' }, ({ image }: { image: string }) => [image]);
    expect(await pinnedValues({ ...one, parameters: { size: 3 } })).toEqual({
      values: { size: 3, image: `docker.io/library/nats:2.15@${digest}` },
      open: [],
    });
  });

  it('are repository and tag below a name, and not the look-alike beside it', async () => {
    interface Shape {
      web: { image: { repository: string; tag: string } };
    }
    const defaults = { looksLike: 'nats:2.15', web: { image: { repository: 'ghcr.io/acme/shop', tag: '' } } };
    const one = chart(defaults, ({ web: { image } }: Shape) => [`${image.repository}:${image.tag || '1.0'}`]);
    expect(await pinnedValues({ ...one, parameters: {} })).toEqual({
      values: { web: { image: { repository: 'ghcr.io/acme/shop', tag: `1.0@${digest}` } } },
      open: [],
    });
  });

  it('are a digest of its own where the chart has a place for it', async () => {
    interface Shape {
      image: { registry: string; repository: string; tag: string; digest: string };
    }
    const defaults = { image: { registry: 'docker.io', repository: 'library/nats', tag: '2.15', digest: '' } };
    const one = chart(defaults, ({ image: { registry, repository, tag, digest: own } }: Shape) => [
      `${registry}/${repository}:${tag.includes('@') ? 'broken' : tag}${own && `@${own}`}`,
    ]);
    const { values, open } = await pinnedValues({ ...one, parameters: {} });
    expect(open).toEqual([]);
    expect(values).toEqual({ image: { registry: 'docker.io', repository: 'library/nats', digest } });
  });

  it('change nothing else: a tag that is a label too stays as it is', async () => {
    interface Shape {
      image: { repository: string; tag: string };
    }
    const defaults = { image: { repository: 'nats', tag: '2.15' } };
    const imageOf = ({ image }: Shape) => [`${image.repository}:${image.tag}`];
    const one = chart(defaults, imageOf, ({ image }: Shape) => image.tag);
    expect(await pinnedValues({ ...one, parameters: {} })).toEqual({ values: {}, open: ['nats:2.15'] });
  });

  it('leave everything open of a chart that does not render', async () => {
    const broken = { defaults: { image: 'nats:2.15' }, images, render: async () => undefined };
    expect(await pinnedValues({ ...broken, parameters: {} })).toEqual({
      values: {},
      open: images.map(({ reference }) => reference),
    });
  });

  it('leave open what no value changes', async () => {
    const one = chart({}, () => ['nats:2.15', `quay.io/x@${digest}`]);
    expect(await pinnedValues({ ...one, parameters: { a: 1 } })).toEqual({ values: { a: 1 }, open: ['nats:2.15'] });
  });
});
