/** Every bound that both ends must agree on. Bytes unless the name says otherwise. */
export const LIMITS = {
  /** One WebSocket message, as received. */
  maxFrameBytes: 1024 * 1024,
  /** Nesting of the JSON inside a frame. */
  maxFrameDepth: 32,
  /** Frames a hub holds undecoded for one agent before it pauses the socket. */
  maxQueuedFrames: 32,
  /** Installations that an agent names in its hello, and operations: it may have more. */
  maxNamedInHello: 500,
  /** A packed chart. */
  maxChartBytes: 10 * 1024 * 1024,
  /** A signed release envelope. */
  maxReleaseBytes: 512 * 1024,
  /** The parameters of one installation, as JSON. */
  maxParametersBytes: 64 * 1024,
  /** A REST request body that is not an upload. */
  maxRequestBytes: 1024 * 1024,
  /** The output of one `helm template`. */
  maxRenderBytes: 16 * 1024 * 1024,
  /** Objects in one rendered release. */
  maxRenderedObjects: 2_000,
  /** Wall clock of one `helm template`. */
  renderTimeoutMs: 30_000,
  /** Life of the token an agent connects with. */
  connectTokenSeconds: 60,
  /** Clock difference up to which a connect token is accepted as it is. */
  maxClockSkewMs: 60_000,
  /** How often the hub pings an agent's socket. */
  pingIntervalMs: 25_000,
  /** Silence after which either side ends a connection. */
  silenceTimeoutMs: 60_000,
  /** How often an agent sends a heartbeat frame. */
  heartbeatIntervalMs: 60_000,
  /** Silence after which the hub shows a cluster as stale, then as offline. */
  staleAfterMs: 75_000,
  offlineAfterMs: 150_000,
  /** Series that are kept of one installation, and characters of a label's value. */
  maxMetricSeries: 1_000,
  maxMetricLabelLength: 200,
  /** After so long an agent sends every value again, also those that have not changed. */
  metricsFullMs: 600_000,
  /** Points and series of one answer. */
  maxMetricPoints: 1_000,
  maxAnsweredSeries: 200,
  /** Rows in one page of a list. */
  defaultPageSize: 50,
  maxPageSize: 200,
} as const;
