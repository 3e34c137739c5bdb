/** The numbers of the alarms. The runbooks name the same numbers, and a test compares them. */
export const THRESHOLDS = {
  /**
   * Maximum age in seconds of the oldest message of a queue. A delayed message waits for up to
   * 900 s, and AWS does not document whether that counts as age.
   */
  oldestSeconds: { ingest: 1200, coordinate: 1200, service: 1800 },
  /** Minutes for which a message must be too old before the alarm starts. */
  oldestMinutes: 5,
  /** Failed invocations are retried, so a few within five minutes need no alarm. */
  errors: 5,
  errorMinutes: 5,
  throttleMinutes: 15,
  sweepMinutes: 30,
  api5xx: 5,
  apiMinutes: 5,
  /** Less than 29 s, after which the function of the API is stopped. */
  apiSeconds: 10,
  apiSlowMinutes: 15,
} as const;
