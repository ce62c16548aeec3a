import { describe, expect, it } from 'vitest';
import { compile } from '../schema.ts';
import { offeredBy, problemOfAutoscale, problemOfSize, type ReleaseRemedies } from './offers.ts';
import { ContainerSize, ResizeRequest } from './resize.ts';

const signed: ReleaseRemedies = {
  resize: [
    {
      kind: 'Deployment',
      name: '${installation}-web',
      container: 'server',
      cpu: { minimum: '100m', maximum: '2' },
      memory: { minimum: '64Mi', maximum: '1Gi' },
    },
    { kind: 'StatefulSet', name: 'db', container: 'postgres', memory: { minimum: '1Gi', maximum: '8Gi' } },
  ],
};
const offered = offeredBy({ remedies: signed, permissions: [] }, 'shop');
const web = 'Deployment/shop-web/server';

describe('what a release offers to resize', () => {
  it.each<[string, ContainerSize]>([
    [web, { cpuRequest: '100m', cpuLimit: '2', memoryRequest: '64Mi', memoryLimit: '1Gi' }],
    [web, { cpuLimit: '2000m', memoryLimit: '1024Mi' }],
    [web, { cpuRequest: '0.1', memoryRequest: '67108864' }],
    ['StatefulSet/db/postgres', { memoryRequest: '2G' }],
  ])('is taken inside its bounds, however the amount is written: %s %j', (container, size) => {
    expect(problemOfSize(container, size, offered)).toBeUndefined();
  });

  it.each<[string, ContainerSize, string]>([
    [web, { cpuRequest: '99m' }, 'CPU request 99m of Deployment/shop-web/server is not offered'],
    [web, { cpuLimit: '2.001' }, 'CPU limit 2.001'],
    [web, { memoryRequest: '63Mi' }, 'memory request 63Mi'],
    [web, { memoryRequest: '128Mi', memoryLimit: '2Gi' }, 'CPU 100m to 2, memory 64Mi to 1Gi'],
    ['StatefulSet/db/postgres', { cpuRequest: '1' }, 'CPU request 1 of StatefulSet/db/postgres'],
    ['Deployment/shop-web/sidecar', { cpuRequest: '1' }, 'does not offer to resize Deployment/shop-web/sidecar'],
    ['Deployment/${installation}-web/server', { cpuRequest: '1' }, 'it offers: Deployment/shop-web/server'],
  ])('is refused outside of them, with what there is: %s %j', (container, size, said) => {
    expect(problemOfSize(container, size, offered)).toContain(said);
  });

  it('is nothing where the release says nothing', () => {
    expect(problemOfSize(web, { cpuRequest: '1' }, offeredBy({ permissions: [] }, 'shop'))).toContain(
      'it offers: nothing',
    );
  });
});

describe('what a release offers to autoscale', () => {
  const autoscale = [{ kind: 'Deployment' as const, name: '${installation}', minimum: 2, maximum: 6 }];
  const verbs = ['get', 'list', 'watch', 'create', 'patch', 'delete'];
  const right = { apiGroup: 'autoscaling', kind: 'HorizontalPodAutoscaler', verbs };
  const offers = offeredBy({ remedies: { autoscale }, permissions: [right] }, 'shop');

  it.each([
    ['Deployment/shop', 2, 6, undefined],
    ['Deployment/shop', 3, 3, undefined],
    ['Deployment/shop', 1, 6, 'it offers: Deployment/shop: 2 to 6 pods'],
    ['Deployment/shop', 2, 7, 'from 2 to 7 pods'],
    ['Deployment/shop', 5, 3, 'above the maximum'],
    ['StatefulSet/shop', 2, 6, 'does not offer'],
  ])('%s from %d to %d: %s', (workload, minimum, maximum, said) => {
    const problem = problemOfAutoscale(workload, { minimum, maximum, cpuPercent: 70 }, offers);
    if (said === undefined) expect(problem).toBeUndefined();
    else expect(problem).toContain(said);
  });

  it('is nothing without the right to make an autoscaler', () => {
    for (const permissions of [[], [{ ...right, verbs: ['get'] }], [{ ...right, apiGroup: 'other.example' }]])
      expect(offeredBy({ remedies: { autoscale }, permissions }, 'shop')).toEqual({});
  });
});

describe('what can be asked', () => {
  const decodes = (schema: typeof ContainerSize | typeof ResizeRequest, value: unknown): boolean =>
    compile(schema)(value).ok;

  it.each([
    [{ cpuRequest: '250m' }, true],
    [{ cpuLimit: '1.5', memoryLimit: '1.5Gi' }, true],
    [{}, false],
    [{ cpuRequest: '1Gi' }, false],
    [{ memoryRequest: '100m' }, false],
    [{ memoryRequest: '-1Gi' }, false],
    [{ memoryRequest: '1 Gi' }, false],
    [{ gpu: '1' }, false],
  ])('%j: %s', (size, isTaken) => {
    expect(decodes(ContainerSize, size)).toBe(isTaken);
    expect(decodes(ResizeRequest, { [web]: size })).toBe(isTaken);
  });

  it.each(['Deployment/web', 'Job/web/server', 'server', 'Deployment/web/server/x'])('no container is %s', (name) => {
    expect(decodes(ResizeRequest, { [name]: null })).toBe(false);
    expect(decodes(ResizeRequest, { [web]: null })).toBe(true);
  });
});
