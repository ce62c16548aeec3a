/** Version of hub, agent and command line; they are released together. */
export const PRODUCT_VERSION = '0.1.0';

/** WebSocket subprotocol spoken by this build. The number is the protocol's major version. */
export const SUBPROTOCOL = 'steward.v1.json';

/** API group of Steward's own Kubernetes objects. */
export const API_GROUP = 'steward.dev';
export const API_VERSION = 'steward.dev/v1alpha1';
