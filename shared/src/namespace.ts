import * as Type from 'typebox';

/** Of Kubernetes. */
export const Namespace = Type.String({ maxLength: 63, pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' });
