import type { Role } from '@steward/shared';

/** For whom something is done. `customerId` is set for a customer's user or token, who then sees that customer's rows only. */
export interface TenantContext {
  organizationId: string;
  customerId?: string;
  role: Role;
  /** Who, for people: an e-mail address or `token <name>`. */
  actor: string;
  userId?: string;
  tokenId?: string;
}
