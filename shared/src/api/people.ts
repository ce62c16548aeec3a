import * as Type from 'typebox';
import type { Static } from 'typebox';
import { Slug } from '../release/release.ts';

const Uuid = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
export const Name = Type.String({ minLength: 1, maxLength: 100 });
export const Email = Type.String({ minLength: 3, maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' });

/** Vendor's roles, strongest first, then the customer's. A customer's role always comes with a customer. */
export const ROLES = [
  'owner',
  'release-engineer',
  'support-engineer',
  'viewer',
  'customer-admin',
  'customer-viewer',
] as const;
export type Role = (typeof ROLES)[number];
export const Role = Type.Unsafe<Role>({ type: 'string', enum: [...ROLES] });

/** A page of a list. `next` is the cursor for the following page; absent on the last. */
export function Page<T extends Type.TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), next: Type.Optional(Type.String()) });
}
export interface PageOf<T> {
  items: T[];
  next?: string;
}
export const PageQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
});
export type PageQuery = Static<typeof PageQuery>;

export const Organization = Type.Object({ id: Uuid, slug: Slug, name: Name, createdAt: Time });
export type Organization = Static<typeof Organization>;

export const Customer = Type.Object({ id: Uuid, slug: Slug, name: Name, createdAt: Time });
export type Customer = Static<typeof Customer>;
export const CreateCustomer = Type.Object({ slug: Slug, name: Name }, { additionalProperties: false });
export type CreateCustomer = Static<typeof CreateCustomer>;

export const User = Type.Object({
  id: Uuid,
  email: Email,
  name: Name,
  role: Role,
  customerId: Type.Optional(Uuid),
  createdAt: Time,
});
export type User = Static<typeof User>;
const Password = Type.String({ minLength: 12, maxLength: 200 });
/** Without a password one is made and returned once. */
export const CreateUser = Type.Object(
  {
    email: Email,
    name: Name,
    role: Role,
    customer: Type.Optional(Slug),
    password: Type.Optional(Password),
  },
  { additionalProperties: false },
);
export type CreateUser = Static<typeof CreateUser>;
export const CreatedUser = Type.Object({ ...User.properties, password: Type.Optional(Type.String()) });
export type CreatedUser = Static<typeof CreatedUser>;

/** Of one's own. */
export const ChangePassword = Type.Object(
  { oldPassword: Type.String({ minLength: 1, maxLength: 200 }), password: Password },
  { additionalProperties: false },
);
export type ChangePassword = Static<typeof ChangePassword>;
/** Made for somebody else; shown once. */
export const NewPassword = Type.Object({ password: Type.String() });
export type NewPassword = Static<typeof NewPassword>;

export const Login = Type.Object(
  { email: Email, password: Type.String({ minLength: 1, maxLength: 200 }) },
  { additionalProperties: false },
);
export type Login = Static<typeof Login>;
/** `token` is shown once; send it as `Authorization: Bearer`. */
export const Session = Type.Object({ token: Type.String(), expiresAt: Time, user: User });
export type Session = Static<typeof Session>;

export const Identity = Type.Object({
  organization: Organization,
  role: Role,
  user: Type.Optional(User),
  customer: Type.Optional(Customer),
  /** Set when an API token is used. */
  tokenName: Type.Optional(Name),
});
export type Identity = Static<typeof Identity>;

export const ApiToken = Type.Object({
  id: Uuid,
  name: Name,
  role: Role,
  customerId: Type.Optional(Uuid),
  createdAt: Time,
  /** The e-mail address, or the token, that made it. */
  createdBy: Type.Optional(Type.String()),
  /** The user with whom it ends. Absent where that is not known. */
  madeBy: Type.Optional(Uuid),
  expiresAt: Type.Optional(Time),
  lastUsedAt: Type.Optional(Time),
});
export type ApiToken = Static<typeof ApiToken>;
export const CreateApiToken = Type.Object(
  {
    name: Name,
    role: Role,
    customer: Type.Optional(Slug),
    expiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3650 })),
  },
  { additionalProperties: false },
);
export type CreateApiToken = Static<typeof CreateApiToken>;

export const CreatedApiToken = Type.Object({ ...ApiToken.properties, token: Type.String() });
export type CreatedApiToken = Static<typeof CreatedApiToken>;
