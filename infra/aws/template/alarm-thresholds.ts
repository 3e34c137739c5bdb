/** The thresholds and the periods of the alarms. A test compares them with the runbooks. */
export const THRESHOLDS = {
  /**
   * Maximum age in seconds of the oldest message of a queue. The delay of a message, up to 900 s,
   * may count as a part of its age.
   */
  oldestSeconds: { ingest: 1200, coordinate: 1200, service: 1800 },
  /** The alarm starts after the oldest message has been too old for this number of minutes. */
  oldestPeriods: 5,
  /** Failed invocations. Lambda retries them, so a few failures need no alarm. */
  errors: 5,
  errorMinutes: 5,
  throttleMinutes: 15,
  sweepMinutes: 30,
  /** Requests that the API answers with a status of 500 or more. */
  api5xx: 5,
  apiMinutes: 5,
  /** Maximum latency of a request. It is less than the time-out of the function `api`, 29 s. */
  apiSeconds: 10,
  apiSlowMinutes: 15,
} as const;
