/** The numbers of the alarms. A test compares them with the runbooks. */
export const THRESHOLDS = {
  /**
   * Maximum age in seconds of the oldest message of a queue. The delay of a message, up to 900 s,
   * may count as a part of its age.
   */
  oldestSeconds: { ingest: 1200, coordinate: 1200, service: 1800 },
  /** Minutes for which a message must be too old before the alarm starts. */
  oldestMinutes: 5,
  /** Lambda retries failed invocations, so a few failures need no alarm. */
  errors: 5,
  errorMinutes: 5,
  throttleMinutes: 15,
  sweepMinutes: 30,
  api5xx: 5,
  apiMinutes: 5,
  /** Less than the time limit of the API's function, which is 29 s. */
  apiSeconds: 10,
  apiSlowMinutes: 15,
} as const;
