/**
 * Where the fleet and the catalog live. `:x` stands for one path segment. Lists take {@link PageQuery} and the query schemas
 * beside their objects; everything answers JSON, errors are problems.
 *
 * | Method | Path | Body → answer |
 * |---|---|---|
 * | GET, POST | services | → Page(Service); CreateService → Service |
 * | GET | services/:slug | → Service |
 * | GET | services/:slug/releases | → Page(ReleaseSummary), newest first |
 * | GET | services/:slug/releases/:version | → ReleaseDetails |
 * | GET | services/:slug/channels | → Page(Channel) |
 * | PUT | services/:slug/channels/:channel | SetChannel → Channel |
 * | POST | releases | PublishRelease → ReleaseDetails (201 new, 200 known already) |
 * | PUT | charts/:digest | the packed chart, application/octet-stream → StoredChart |
 * | GET, POST | release-keys | → Page(TrustedKey); CreateTrustedKey → TrustedKey |
 * | GET, POST | clusters | ClusterQuery → Page(Cluster); CreateCluster → CreatedCluster |
 * | GET, DELETE | clusters/:id | → Cluster; 204, only while it was never enrolled |
 * | POST | clusters/:id/enrolment | CreateEnrolment → Enrolment; earlier unused tokens end |
 * | POST | clusters/:id/re-enrolment | ReEnrol → Cluster: the refused copy of its agent takes over, since the cluster has moved |
 * | POST | clusters/:id/revoke | → Cluster |
 * | GET | clusters/:id/rejected-records | → Page(RejectedRecord), newest first |
 * | GET, POST | installations | InstallationQuery → Page(Installation); CreateInstallation → CreatedInstallation |
 * | GET | installations/:id | → Installation |
 * | POST | installations/:id/grant | → CreatedGrant: a new grant line for what the wanted release needs |
 * | GET | installations/:id/events | → Page(InstallationEvent), newest first |
 * | GET | installations/:id/export | → InstallationExport: what plain Helm needs to go on with what runs |
 * | GET | installations/:id/chart | → the packed chart of what runs, application/octet-stream |
 * | POST | installations/:id/operations | CreateOperation → Operation |
 * | GET | operations | OperationQuery → Page(Operation), newest first |
 * | GET | operations/:id | → OperationDetails |
 * | POST | operations/:id/cancel | → Operation |
 *
 * `POST installations` and `POST installations/:id/operations` take an `Idempotency-Key` header: the same key within a day
 * answers with what the first call made.
 */
export const API_PATHS = {
  services: '/api/v1/services',
  releases: '/api/v1/releases',
  charts: '/api/v1/charts',
  releaseKeys: '/api/v1/release-keys',
  clusters: '/api/v1/clusters',
  installations: '/api/v1/installations',
  operations: '/api/v1/operations',
} as const;

/** Served to curl with a single-purpose token as Bearer: YAML for `kubectl apply`. The agent's also as {@link InstallKit} with `Accept: application/json`. */
export const INSTALL_PATHS = {
  agent: '/install/v1/agent',
  /** + `/{installation id}` */
  grants: '/install/v1/grants',
} as const;

export const IDEMPOTENCY_KEY_HEADER = 'idempotency-key';
