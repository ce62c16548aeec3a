import type { DesiredState } from '@steward/shared';

/** The first push of an installation `shop`. */
export const FIRST_PUSH: DesiredState = {
  installationId: '11111111-1111-4111-8111-111111111111',
  name: 'shop',
  namespace: 'shop',
  service: 'web',
  generation: 1,
  action: 'run',
  deleteVolumes: false,
  release: { digest: `sha256:${'a'.repeat(64)}`, version: '1.0.0' },
  parameters: {},
  operation: {
    id: '22222222-2222-4222-8222-222222222222',
    kind: 'install',
    requestedBy: 'a',
    notAfter: '2100-01-01T00:00:00Z',
  },
};
