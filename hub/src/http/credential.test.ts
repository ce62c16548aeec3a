import { describe, expect, it } from 'vitest';
import { createCredential, credentialHash, credentialKind, isCredential } from './credential.ts';

describe('a credential', () => {
  it.each(['session', 'token', 'enrolment', 'grant'] as const)('of kind %s is known by its shape', (kind) => {
    const made = createCredential(kind);
    expect(credentialKind(made)).toBe(kind);
    expect(isCredential(made)).toBe(kind === 'session' || kind === 'token');
    expect(createCredential(kind)).not.toBe(made);
    expect(credentialHash(made).length).toBe(32);
  });

  it.each([
    '',
    'stw_s_',
    `stw_s_${'x'.repeat(42)}`,
    `stw_s_${'x'.repeat(44)}`,
    `stw_x_${'x'.repeat(43)}`,
    `stw_s_${"'".repeat(43)}`,
  ])('is not "%s"', (text) => {
    expect(credentialKind(text)).toBeUndefined();
  });
});
